"""Faults on demand: what can go wrong at Plaid, armed by the admin API and spent by the calls that match.

A fault names an endpoint or the webhooks, may be bound to one item, lets `after` matching calls pass, and strikes
`times` calls. Faults live in memory: a restart disarms them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CALL_FAULTS = ("error", "drop", "html", "empty", "delay", "mutation")
WEBHOOK_FAULTS = (
    "webhook_drop", "webhook_duplicate", "webhook_reorder", "webhook_bad_signature", "webhook_wrong_kid",
    "webhook_old_iat", "webhook_future_iat", "webhook_reindent", "webhook_hs256", "webhook_no_header",
)  # fmt: skip


@dataclass
class Fault:
    """One armed fault. `page` applies to mutation, `seconds` to delay, `when` to drop, the rest to error."""

    fault: str
    path: str = "/transactions/sync"
    item_id: str | None = None
    after: int = 0
    times: int = 1
    page: int | None = None
    seconds: float = 0.0
    when: str = "before"
    error_code: str = "INTERNAL_SERVER_ERROR"
    error_type: str | None = None
    error_message: str | None = None
    status: int | None = None
    webhook_code: str | None = None
    id: int = 0
    struck: int = 0
    passed: int = field(default=0, repr=False)

    def as_json(self) -> dict[str, Any]:
        return dict(self.__dict__)


class Faults:
    """The armed faults, oldest first."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._last = 0

    def arm(self, fault: Fault) -> Fault:
        self._last += 1
        fault.id = self._last
        self._armed.append(fault)
        return fault

    def clear(self) -> None:
        self._armed.clear()

    def listed(self) -> list[Fault]:
        return list(self._armed)

    def strike(self, path: str, item_id: str | None, page: int | None) -> Fault | None:
        """The fault that hits this call, if any; it is spent by one."""
        for fault in self._armed:
            if fault.fault in CALL_FAULTS and fault.path == path and self._hits(fault, item_id, page):
                return self._spend(fault)
        return None

    def strike_webhook(self, item_id: str | None, code: str) -> Fault | None:
        """The fault that hits this webhook, if any; it is spent by one."""
        for fault in self._armed:
            wanted = fault.webhook_code in (None, code)
            if fault.fault in WEBHOOK_FAULTS and wanted and self._hits(fault, item_id, None):
                return self._spend(fault)
        return None

    def _hits(self, fault: Fault, item_id: str | None, page: int | None) -> bool:
        if fault.item_id not in (None, item_id) or (fault.page is not None and fault.page != page):
            return False
        if fault.passed < fault.after:
            fault.passed += 1
            return False
        return True

    def _spend(self, fault: Fault) -> Fault:
        fault.struck += 1
        if fault.struck >= fault.times:
            self._armed.remove(fault)
        return fault
