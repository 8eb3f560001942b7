"""The pages of one update, folded into what the ledger has to hold afterwards.

Pure: no I/O, no clock. For each transaction id it decides the final row, or gone, and it ties the rows of one
real-world transaction together. fold_kept.py does the same for more pages than memory should hold, from the same
decisions. Used by pull.py and fold_kept.py.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sync.pull.pages import BankAccount, BankRow, Page


class StagedRow(NamedTuple):
    """A row to store, with its place in a chain of rows for one real-world transaction.

    `claims` is the id whose entry it takes over, `heir` the staged row that takes over its own, `root` the first staged
    row of its chain (itself when it stands alone).
    """

    row: BankRow
    claims: str | None
    heir: str | None
    root: str


@dataclass(frozen=True)
class Told:
    """What the pages of one update say beside their rows. An anomaly is a row that its own page also removes."""

    accounts: list[BankAccount]
    end_cursor: str | None
    update_status: str
    pages: int
    anomalies: int

    @property
    def complete(self) -> bool:
        """Whether the bank's whole history is there to be told."""
        return self.update_status == "HISTORICAL"

    @property
    def told_accounts(self) -> frozenset[str]:
        """The accounts that are described."""
        return frozenset(account.plaid_account_id for account in self.accounts)


@dataclass(frozen=True)
class Update(Told):
    """All pages of one update, folded: the state to reach, whatever the ledger holds now."""

    rows: list[StagedRow]
    removed: list[str]

    @property
    def named_accounts(self) -> frozenset[str]:
        """The accounts that its rows name."""
        return frozenset(staged.row.plaid_account_id for staged in self.rows)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to store but the cursor."""
        return not (self.accounts or self.rows or self.removed)


def fold(pages: list[Page]) -> Update:
    """Folds the pages in order: later pages override earlier ones, inside one page a removal wins (an anomaly)."""
    accounts: dict[str, BankAccount] = {}
    final: dict[str, BankRow | None] = {}
    anomalies = 0
    for page in pages:
        accounts.update((account.plaid_account_id, account) for account in page.accounts)
        decided, odd = decide(page)
        anomalies += odd
        for plaid_id, row in decided.items():
            final.pop(plaid_id, None)
            final[plaid_id] = row
    last = pages[-1]
    return Update(
        accounts=list(accounts.values()),
        end_cursor=last.next_cursor or None,
        update_status=last.update_status,
        pages=len(pages),
        anomalies=anomalies,
        rows=_chain([row for row in final.values() if row is not None]),
        removed=[plaid_id for plaid_id, row in final.items() if row is None],
    )


def decide(page: Page) -> tuple[dict[str, BankRow | None], int]:
    """What one page says of each id it names, None for gone, in order; and how many rows it tells and removes."""
    decided: dict[str, BankRow | None] = {row.plaid_transaction_id: row for row in (*page.added, *page.modified)}
    odd = 0
    for gone in page.removed:
        odd += decided.pop(gone, None) is not None
        decided[gone] = None
    return decided, odd


def tie(pairs: Iterable[tuple[str, str | None]]) -> tuple[dict[str, str], dict[str, str]]:
    """Ties rows to the ones they post, from (id, id of its pending row) in order; the first claim of an id holds.

    Answers whose entry a row takes over (claims), and which row takes over an id's entry (heirs). No row is tied to
    itself by a detour.
    """
    claims: dict[str, str] = {}
    heirs: dict[str, str] = {}
    for own, pending in pairs:
        if pending is None or pending in heirs or own in (pending, *_ancestors(pending, claims)):
            continue
        claims[own], heirs[pending] = pending, own
    return claims, heirs


def root_of(start: str, claims: Mapping[str, str], staged: Container[str]) -> str:
    """Answers the first staged row of the chain that a row ends: itself, when it claims nothing that is staged."""
    root = start
    for ancestor in _ancestors(start, claims):
        if ancestor in staged:
            root = ancestor
    return root


def _chain(rows: list[BankRow]) -> list[StagedRow]:
    staged = {row.plaid_transaction_id for row in rows}
    claims, heirs = tie((row.plaid_transaction_id, row.pending_transaction_id) for row in rows)
    return [StagedRow(row, claims.get(own), heirs.get(own), root_of(own, claims, staged)) for own, row in _by_id(rows)]


def _by_id(rows: list[BankRow]) -> Iterator[tuple[str, BankRow]]:
    return ((row.plaid_transaction_id, row) for row in rows)


def _ancestors(start: str, claims: Mapping[str, str]) -> Iterator[str]:
    while start in claims:
        start = claims[start]
        yield start
