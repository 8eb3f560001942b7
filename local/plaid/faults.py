"""Faults on demand: what can go wrong at Plaid, armed by the admin API and spent by the calls that match.

A fault names an endpoint or the webhooks, may be bound to one item, lets `after` matching calls pass, and strikes
`times` calls. Faults stand in the store: with a data folder they survive a restart.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from local.plaid import wire
from local.plaid.store import Store

_EARLY = ("error", "drop", "html", "empty", "delay", "mutation")
TAMPERS = (
    "cut", "missing_field", "replace_field", "unknown_field", "unknown_enum", "null_category", "unknown_category",
    "phantom_removed", "same_id_twice", "split",
)  # fmt: skip
CALL_FAULTS = (*_EARLY, *TAMPERS)
WEBHOOK_FAULTS = (
    "webhook_drop", "webhook_duplicate", "webhook_reorder", "webhook_delay", "webhook_bad_signature",
    "webhook_wrong_kid", "webhook_old_iat", "webhook_future_iat", "webhook_reindent", "webhook_hs256",
    "webhook_no_header",
)  # fmt: skip


@dataclass
class Fault:
    """One armed fault. `page` applies to sync, `seconds` to the delays, `when` to drop, `field`, `value` and `also` to
    the tampering ones, `copies` to duplicates, the rest to error."""

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
    field: str | None = None
    value: Any = None
    also: str = "removed"
    copies: int = 1
    id: int = 0
    struck: int = 0
    passed: int = 0

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "passed"}


class Faults:
    """The armed faults, oldest first."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def arm(self, fault: Fault) -> Fault:
        fault.id = self._store.count_up("fault")
        self._store.run("insert into faults values (?, ?)", fault.id, wire.dumps(asdict(fault)))
        return fault

    def clear(self) -> None:
        self._store.run("delete from faults")

    def listed(self) -> list[Fault]:
        return [_read(row[0]) for row in self._store.each("select body from faults order by id")]

    def strike(self, path: str, item_id: str | None, page: int | None) -> Fault | None:
        """The fault that hits this call, if any; it is spent by one."""
        for fault in self.listed():
            if fault.fault in CALL_FAULTS and fault.path == path and self._hits(fault, item_id, page):
                return self._spend(fault)
        return None

    def strike_webhook(self, item_id: str | None, code: str) -> Fault | None:
        """The fault that hits this webhook, if any; it is spent by one."""
        for fault in self.listed():
            wanted = fault.webhook_code in (None, code)
            if fault.fault in WEBHOOK_FAULTS and wanted and self._hits(fault, item_id, None):
                return self._spend(fault)
        return None

    def _hits(self, fault: Fault, item_id: str | None, page: int | None) -> bool:
        if fault.item_id not in (None, item_id) or (fault.page is not None and fault.page != page):
            return False
        if fault.passed < fault.after:
            fault.passed += 1
            self._keep(fault)
            return False
        return True

    def _spend(self, fault: Fault) -> Fault:
        fault.struck += 1
        if fault.struck >= fault.times:
            self._store.run("delete from faults where id = ?", fault.id)
        else:
            self._keep(fault)
        return fault

    def _keep(self, fault: Fault) -> None:
        self._store.run("update faults set body = ? where id = ?", wire.dumps(asdict(fault)), fault.id)


def _read(text: str) -> Fault:
    """Amounts in `value` stay exact; seconds are a float."""
    body = wire.loads(text)
    return Fault(**body | {"seconds": float(body["seconds"])})
