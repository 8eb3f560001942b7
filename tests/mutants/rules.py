"""Every break there is."""

from __future__ import annotations

from tests.mutants import rules_1_to_4, rules_5_to_8, rules_9_to_11

BREAKS = [*rules_1_to_4.BREAKS, *rules_5_to_8.BREAKS, *rules_9_to_11.BREAKS]
