"""The metrics, in prometheus_client's default registry; docs/operations.md describes each, held to it by a test."""

from __future__ import annotations

from prometheus_client import Counter

REPAIRS = Counter("livespend_repairs", "Damaged documents that were marked to be mended.", ["kind"])
AUDITS = Counter("livespend_audits", "Owners held against Firestore.", ["level", "outcome"])
AUDIT_READS = Counter("livespend_audit_reads", "Firestore reads spent on audits.", ["purpose"])
