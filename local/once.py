"""The headless proof: the same stack on free ports and throw-away state, one user's whole way, one JSON object.

A user signs up, links a bank (from a Plaid custom-user file if one is given), waits until everything is mirrored, buys
something at the bank and changes a category through the API; a Firestore listener must see both. Then the ledger and
the mirror are compared by two independent roads: sums asked from Postgres in plain SQL against the month documents, and
`livespend mirror verify`. Exit status 0 only if all of it is right, 1 if something is wrong, 2 for an unreadable file.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from local.both_sides import compare
from local.listener import Listener
from local.person import Person, Refused
from local.plaid import custom_user, wire
from local.plaid.custom_fields import Unreadable
from local.postgres import free_port
from local.stack import Stack

_SEEN_SECONDS = 60
_IMPORT_SECONDS = 300
_LEDGER_DECIMALS = 10


class UnreadableUserFile(ValueError):
    """The custom-user file cannot be used; the message names the file and what is wrong with it."""


class ProofFailed(RuntimeError):
    """A step of the proof did not happen; the message says which."""


@dataclass(frozen=True)
class UserFile:
    """A valid custom-user file: its own text, which the bank is given, and what it says, amounts exact."""

    path: Path
    text: str
    configuration: dict[str, Any]


def prove(user_file: Path | None, *, as_json: bool, with_emulator: bool = False) -> int:
    """Runs the proof and prints its outcome; answers the exit code."""
    console = Console(stderr=True, quiet=as_json)
    try:
        given = read_user_file(user_file) if user_file else None
    except UnreadableUserFile as error:
        return _print({"ok": False, "error": {"code": "unreadable-user-file", "detail": str(error)}}, as_json, 2)
    state = Path(tempfile.mkdtemp(prefix="livespend-once-")).resolve()
    stack = Stack(state, free_port(), durable=False, sweep_seconds=5, emulator=with_emulator)
    try:
        outcome = _prove(stack, given, console)
    except Exception as error:  # whatever broke, a script gets its one JSON object
        outcome = {"ok": False, "error": {"code": _code(error), "detail": str(error) or type(error).__name__}}
    finally:
        stack.stop()
        shutil.rmtree(state, ignore_errors=True)
    return _print(outcome, as_json, 0 if outcome["ok"] else 1)


def read_user_file(path: Path) -> UserFile:
    """Reads and checks a custom-user file as the bank will; raises UnreadableUserFile naming line or field."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        custom_user.read(text, datetime.now(UTC).date())
    except OSError as error:
        raise UnreadableUserFile(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableUserFile(f"{path}: not UTF-8 text (byte {error.start})") from error
    except Unreadable as error:
        raise UnreadableUserFile(f"{path}: {error}") from error
    return UserFile(path, text, wire.loads(text))


def _prove(stack: Stack, given: UserFile | None, console: Console) -> dict[str, Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting")
        for part in stack.start():
            progress.update(task, description=f"starting {part}")
        progress.update(task, description="linking a bank")
        person = Person.sign_in_or_up(stack, f"once-{int(time.time())}@livespend.test", "once-and-only")
        person.introduce("Once")
        _link(person, given)
        progress.update(task, description="waiting until everything is mirrored")
        person.wait_until_mirrored(seconds=_IMPORT_SECONDS)
        imported = compare(stack, person.uid)
        problems = imported.problems + _differences_from_file(given, imported.ledger)
        progress.update(task, description="buying and editing")
        with Listener(stack.firestore, stack.project, person.uid) as listener:
            hops = {"purchase": _purchase(stack, person, listener)}
            person.wait_until_mirrored()
            problems += compare(stack, person.uid).problems
            hops["edit"] = _edit(person, listener)
        person.wait_until_mirrored()
        progress.update(task, description="comparing ledger and mirror")
        final = compare(stack, person.uid)
    problems += final.problems
    return {"ok": not problems, "user": person.uid, **final.report(), "file": _file_report(given), "hops": hops,
            "problems": problems}  # fmt: skip


def _link(person: Person, given: UserFile | None) -> None:
    if given is None:
        person.link_bank("user_good", "pass_good")
        return
    try:
        # The file's own text: numbers travel as they are written.
        person.link_bank("user_custom", given.text)
    except Refused as refused:
        forced = given.configuration.get("force_error")
        asked = f"force_error asks the bank for {forced}: " if forced else ""
        raise Refused(f"{given.path}: {asked}{refused}") from refused


# --- the two changes, and what each hop took --------------------------------------------------------------------------


def _purchase(stack: Stack, person: Person, listener: Listener) -> dict[str, float]:
    """A purchase at the bank appears at the listener with its month; answers milliseconds from the purchase on."""
    bought_at = datetime.now(UTC)
    name = f"Proof Coffee {bought_at:%H%M%S%f}"
    person.buy(amount="4.75", description=name)
    seen = listener.wait(lambda path, fields: "/transactions/" in path and fields.get("name") == name, _SEEN_SECONDS)
    listener.wait_for_month(seen, _SEEN_SECONDS)
    webhook_at, pulled_at = _ledger_times(stack, bought_at)
    return {
        "bank to webhook": _ms(bought_at, webhook_at),
        "bank to ledger": _ms(bought_at, pulled_at),
        "bank to Firestore": _ms(bought_at, seen.written_at),
        "bank to listener": _ms(bought_at, seen.received_at),
    }


def _edit(person: Person, listener: Listener) -> dict[str, float]:
    """A category edit through the API appears at the listener at the version the API answered."""
    purchase = listener.newest("/transactions/", lambda fields: str(fields.get("name", "")).startswith("Proof Coffee"))
    category = "ENTERTAINMENT" if purchase.fields["categoryId"] != "ENTERTAINMENT" else "TRAVEL"
    edited_at = datetime.now(UTC)
    answer = person.patch(f"/api/transactions/{purchase.path.rsplit('/', 1)[1]}", {"categoryId": category})
    answered_at = datetime.now(UTC)
    if len(answer["marked"]) != 2:
        raise ProofFailed(f"a category edit marked {len(answer['marked'])} documents instead of 2")
    seen = [listener.wait_for_version(mark["path"], mark["version"], _SEEN_SECONDS) for mark in answer["marked"]]
    row = next(document for document in seen if "/transactions/" in document.path)
    if row.fields["categoryId"] != category:
        raise ProofFailed(f"the listener saw category {row.fields['categoryId']} instead of {category}")
    return {
        "edit to answer": _ms(edited_at, answered_at),
        "edit to Firestore": _ms(edited_at, row.written_at),
        "edit to listener": _ms(edited_at, max(document.received_at for document in seen)),
    }


def _ledger_times(stack: Stack, since: datetime) -> tuple[datetime, datetime]:
    import psycopg2

    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select (select min(received_at) from webhook_inbox where received_at >= %(since)s),"
            " (select min(finished_at) from sync_runs where finished_at >= %(since)s and added > 0)",
            {"since": since},
        )
        webhook_at, pulled_at = cursor.fetchone() or (None, None)
    if webhook_at is None or pulled_at is None:
        raise ProofFailed("the purchase is on screen, but no webhook or no pull is on record")
    return webhook_at, pulled_at


def _ms(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() * 1000, 1)


# --- the file ---------------------------------------------------------------------------------------------------------


def _file_rows(configuration: dict[str, Any]) -> list[tuple[str, str, Decimal]]:
    rows = []
    for account in configuration["override_accounts"]:
        for row in account.get("transactions") or []:
            currency = str(row.get("currency") or account.get("currency") or "USD").upper()
            rows.append((row["date_transacted"][:7], currency, round(Decimal(row["amount"]), _LEDGER_DECIMALS)))
    return rows


def _rolled_rows(text: str) -> list[tuple[str, str, Decimal]]:
    """Where all dates roll forward, the file alone does not say which month a row lands in: the bank's reader does."""
    read = custom_user.read(text, datetime.now(UTC).date())
    return [
        ((row.authorized_date or row.date).isoformat()[:7], row.currency, round(Decimal(row.amount), _LEDGER_DECIMALS))
        for row in read.rows
    ]


def _differences_from_file(given: UserFile | None, ledger: dict[str, Any]) -> list[str]:
    """The ledger after the import must hold each row of the file: count, and sum per month and currency."""
    if given is None or not given.configuration.get("override_accounts"):
        return []
    rolls = given.configuration.get("roll_dates_forward")
    rows = _rolled_rows(given.text) if rolls else _file_rows(given.configuration)
    expected, found = _summed(((month, currency), amount) for month, currency, amount in rows), ledger["sums"]
    problems = []
    if ledger["transactions"] != len(rows):
        problems.append(f"the file has {len(rows)} transactions, the ledger {ledger['transactions']}")
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            name = " ".join(key)
            problems.append(f"{name}: the file sums to {expected.get(key)}, the ledger to {found.get(key)}")
    return problems


def _summed(parts: Iterable[tuple[tuple[str, str], Decimal]]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = {}
    for key, amount in parts:
        sums[key] = sums.get(key, Decimal(0)) + amount
    return sums


def _file_report(given: UserFile | None) -> dict[str, int] | None:
    if given is None:
        return None
    accounts = given.configuration.get("override_accounts") or []
    return {"accounts": len(accounts), "transactions": sum(len(a.get("transactions") or []) for a in accounts)}


# --- the outcome ------------------------------------------------------------------------------------------------------


def _code(error: Exception) -> str:
    return {"Refused": "refused", "ProofFailed": "not-seen", "TimeoutError": "timeout"}.get(
        type(error).__name__, "stack-failed"
    )


def _print(outcome: dict[str, Any], as_json: bool, code: int) -> int:
    if as_json:
        print(json.dumps(outcome, ensure_ascii=False, default=str))
        return code
    console = Console()
    if "error" in outcome:
        Console(stderr=True).print(f"[red]{outcome['error']['code']}[/]: {escape(outcome['error']['detail'])}")
        return code
    counts = outcome["counts"]
    console.print("[bold green]the screen equals the ledger[/]" if outcome["ok"] else "[bold red]something is wrong[/]")
    rows = counts["transactions"]
    console.print(f"  {rows['postgres']} transactions in the ledger, {rows['firestore']} on screen")
    console.print(f"  {counts['outsideWindow']} older than the mirrored window of {outcome['windowMonths']} months")
    for change, hops in outcome["hops"].items():
        console.print(f"  {change}: " + ", ".join(f"{name} {value:.0f} ms" for name, value in hops.items()))
    for problem in outcome["problems"]:
        console.print(f"  [red]{escape(problem)}[/]")
    return code
