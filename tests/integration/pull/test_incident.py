"""What a bank told goes into a file that tells of nobody, and comes out at the local Plaid as the same ledger."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sync.db import transaction
from sync.errors import IncidentRefused, ItemNotFound, PagesDamaged
from sync.pull.kept_pages import open_key, read_window, windows
from sync.pull.resync import want_resync
from sync.rebuild.incident import export, read_file
from sync.rebuild.incident_replay import replay
from sync.rebuild.scramble import Scrambler
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PlaidServer
from tests.integration.pull.bank import account, page, pending, row
from tests.integration.pull.conftest import Linked

# What a file may repeat: values that everybody knows, and shapes.
KNOWN = {"USD", "FOOD_AND_DRINK", "FOOD_AND_DRINK_COFFEE", "HIGH", "in store", "depository", "checking"}
KNOWN |= {"HISTORICAL_UPDATE_COMPLETE", "INITIAL_UPDATE_COMPLETE", ""}


def private(plaid_id: str, amount: float = 17.23, **fields: Any) -> dict[str, Any]:
    """A row as Plaid tells it, full of what is somebody's."""
    secret = {
        "account_id": "acc-private-1",
        "name": f"Dr. Müller-Lüdenscheidt {plaid_id} 4471",
        "merchant_name": "Praxis am Weiher",
        "account_owner": "Erika Mustermann",
        "check_number": "990017",
        "original_description": "REF 77-1234 Mustermann",
        "location": {"address": "Am Weiher 12", "city": "Hintertupfing", "lat": 48.1372},
        "payment_meta": {"payee": "Erika M.", "reference_number": "SEPA-8812"},
        "counterparties": [{"name": "Herr Kaiser", "entity_id": "ent-0815", "phone_number": "+49 89 5550123"}],
        "website": "praxis-weiher.example",
        "authorized_datetime": "2026-11-04T08:15:30Z",
    }
    return row(plaid_id, amount) | secret | fields


def owned() -> dict[str, Any]:
    known = {"persistent_account_id": "persist-556677", "official_name": "Erikas Giro Plus", "mask": "7391"}
    return account("acc-private-1", name="Haushaltskasse", holder_category="personal-x", **known)


def lived(linked: Linked) -> None:
    """A pending row that posts, a removal, an import of three pages, odd text, and a full resync.

    The amounts lie close together, so that no factor turns one of them into another.
    """
    shown = [owned()]
    bank = linked.bank
    held = private("tx-hold-1", 40) | {"pending": True}
    bank.at(None, page(added=[held, private("tx-gone")], to="cur-A", accounts=shown))
    posted = private("tx-post-1", 44.5, pending_transaction_id="tx-hold-1")
    odd = private("tx-odd", 3, name='"\\Zoë\u2028\U0001f35c\x01', merchant_name=None, personal_finance_category=None)
    bank.at("cur-A", page(added=[posted, odd], removed=["tx-hold-1"], to="cur-B", more=True, accounts=shown))
    bank.at(
        "cur-B",
        page(added=[private(f"tx-many-{n}", 70_001.11 + n) for n in range(30)], to="cur-C", accounts=shown),
    )
    bank.at("cur-C", page(modified=[private("tx-many-3", 99.99)], removed=["tx-gone"], to="cur-D", accounts=shown))
    for _ in range(3):
        assert linked.pull().outcome == "applied"
    kept = [private(f"tx-many-{n}", 70_001.11 + n) for n in range(5)]
    bank.at(None, page(added=[*kept, posted, odd], to="cur-R", accounts=shown))
    with transaction(linked.deps.engine) as connection:
        want_resync(connection, linked.item_id)
    assert linked.pull().removed > 0


def exported(linked: Linked, scrambler: Scrambler | None = None, **how: Any) -> tuple[bytes, Any]:
    out = io.BytesIO()
    done = export(linked.deps, linked.item_id, out, scrambler or Scrambler(), **how)
    return out.getvalue(), done


def strings(value: Any) -> Iterator[str]:
    """Every text in a value, keys aside; numbers as they are written."""
    if isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str | float):
        yield str(value)


def sources(linked: Linked) -> list[dict[str, Any]]:
    key = open_key(linked.deps, linked.item_id)
    with transaction(linked.deps.engine) as connection:
        return [
            json.loads(told.raw)
            for window in windows(connection, linked.item_id)
            for told in read_window(connection, key, linked.item_id, window)
        ]


def test_no_string_of_the_source_is_in_the_file(linked: Linked) -> None:
    lived(linked)

    file, _ = exported(linked, Scrambler(hide_amounts=True, shift_days=-1203, _key=b"always the same"))

    text = zlib.decompress(file).decode()
    in_file = set(strings([json.loads(line) for line in text.splitlines()]))
    told = set(strings(sources(linked))) - KNOWN
    assert len(told) > 60
    assert {"7391", "Erika Mustermann", "tx-hold-1", "cur-B", "2026-11-05", "to-cur-A"} <= told
    assert told & in_file == set()
    # Short ones, and numbers, turn up inside of others by chance; as values they are compared above.
    words = {part for one in told for part in one.split() if len(part) > 4 and any(map(str.isalpha, part))}
    assert len(words) > 30
    assert [word for word in words if word.lower() in text.lower()] == []
    assert "location" not in text
    assert str(linked.item_id) not in text


def test_each_field_of_the_source_is_on_the_list_or_gone(linked: Linked) -> None:
    lived(linked)

    file, _ = exported(linked)

    rows = [told for line in read_file(io.BytesIO(file)) if "page" in line for told in line["page"]["added"]]
    assert {key for told in rows for key in told} == {
        *("transaction_id", "account_id", "amount", "iso_currency_code", "unofficial_currency_code", "date"),
        *("authorized_date", "pending", "pending_transaction_id", "name", "merchant_name", "payment_channel"),
        "personal_finance_category",
    }


def test_values_that_nobody_knows_are_words_too(linked: Linked) -> None:
    category = {"primary": "ERIKA", "detailed": "ERIKA_HOME", "confidence_level": "ERIKA"}
    odd = private("a", payment_channel="erika", personal_finance_category=category)
    odd |= {"iso_currency_code": None, "unofficial_currency_code": "Erika"}
    linked.bank.at(None, page(added=[odd], accounts=[owned() | {"type": "erika", "subtype": "erikas"}], status="Erika"))
    linked.pull()

    assert "erika" not in zlib.decompress(exported(linked)[0]).decode().lower()


def test_the_same_stays_the_same_and_two_files_share_nothing(linked: Linked) -> None:
    lived(linked)
    first, again = (zlib.decompress(exported(linked)[0]).decode() for _ in range(2))
    lines = [json.loads(line) for line in first.splitlines()]
    pages = [line["page"] for line in lines if "page" in line]

    (posted,) = [told for told in pages[1]["added"] if told["pending_transaction_id"]]
    assert posted["pending_transaction_id"] == pages[0]["added"][0]["transaction_id"]
    assert posted["pending_transaction_id"] == pages[1]["removed"][0]["transaction_id"]
    assert posted["account_id"] == pages[0]["accounts"][0]["account_id"]
    assert posted["amount"] == 44.5
    assert posted["name"].split()[0] == pages[0]["added"][0]["name"].split()[0]
    others = {
        told["transaction_id"]
        for line in again.splitlines()
        for told in json.loads(line).get("page", {}).get("added", [])
    }
    assert others.isdisjoint({told["transaction_id"] for one in pages for told in one["added"]})


@pytest.mark.parametrize("how", [{}, {"hide_amounts": True, "shift_days": 31}])
def test_a_file_that_is_told_again_is_the_same_ledger(
    linked: Linked, deps_for: DepsFor, plaid_server: PlaidServer, how: dict[str, Any]
) -> None:
    lived(linked)
    file, done = exported(linked, Scrambler(**how))

    told = replay(deps_for("api"), deps_for("worker"), io.BytesIO(file))

    assert done.digest is not None
    assert (told.windows, told.pages, set(told.outcomes)) == (4, 5, {"applied"})
    assert told.expected == done.digest
    assert told.equal
    live = "select count(*), min(t.amount) from transactions as t where user_id = %s and removed_at is null"
    ((ours, least),) = linked.database.sql(live, "u1")
    ((theirs, scaled),) = linked.database.sql(live, told.user_id)
    assert ours == theirs == 7
    assert (least == scaled) == (not how)


def test_a_ledger_that_differs_is_told(linked: Linked, deps_for: DepsFor, plaid_server: PlaidServer) -> None:
    lived(linked)
    linked.database.sql("update transactions set amount = 1 where plaid_transaction_id = 'tx-odd'")
    file, _ = exported(linked)

    assert replay(deps_for("api"), deps_for("worker"), io.BytesIO(file)).equal is False


def test_the_last_updates_alone_are_told_without_a_digest(
    linked: Linked, deps_for: DepsFor, plaid_server: PlaidServer
) -> None:
    lived(linked)
    file, done = exported(linked, last=2)

    told = replay(deps_for("api"), deps_for("worker"), io.BytesIO(file))

    assert (done.windows, done.pages, done.digest) == (2, 2, None)
    assert (told.windows, told.equal) == (2, None)


def test_the_runs_are_told_without_what_names_them(linked: Linked) -> None:
    lived(linked)

    runs = [line["run"] for line in read_file(io.BytesIO(exported(linked)[0])) if "run" in line]

    assert [run["outcome"] for run in runs] == ["applied"] * 4
    assert runs[0]["began"] == 0
    assert not {"request_ids", "item_id", "start_cursor", "end_cursor"} & set(runs[0])


def test_only_whole_files_and_local_banks_are_accepted(
    linked: Linked, deps_for: DepsFor, plaid_server: PlaidServer
) -> None:
    lived(linked)
    file, _ = exported(linked)
    api, worker = deps_for("api"), deps_for("worker")
    away = dataclasses.replace(worker, settings=dataclasses.replace(worker.settings, plaid_url="https://plaid.example"))
    there = dataclasses.replace(worker, settings=dataclasses.replace(worker.settings, app_env="production"))

    for wrong in (file[:-5], file[: len(file) // 2], b"", b"nothing", zlib.compress(b'{"format": "other"}\n')):
        with pytest.raises(IncidentRefused):
            replay(api, worker, io.BytesIO(wrong))
    for other in (away, there):
        with pytest.raises(IncidentRefused, match="on this machine"):
            replay(api, other, io.BytesIO(file))
    assert linked.one("select count(*) from items") == 1


def test_what_cannot_be_exported_is_refused(linked: Linked) -> None:
    with pytest.raises(IncidentRefused):
        exported(linked)
    linked.bank.at(None, page(added=[pending("p")], to="C1"))
    linked.pull()
    linked.database.sql("update plaid_pages set sealed = overlay(sealed placing 'x' from 20)")
    with pytest.raises(PagesDamaged):
        exported(linked)
    with pytest.raises(ItemNotFound):
        export(linked.deps, uuid4(), io.BytesIO(), Scrambler())


def test_the_commands_write_and_tell_a_file(
    linked: Linked, deps_for: DepsFor, plaid_server: PlaidServer, tmp_path: Path
) -> None:
    lived(linked)
    settings = deps_for.settings
    environment = os.environ | {
        "FIREBASE_PROJECT_ID": "demo-livespend",
        "WORKER_DATABASE_URL": linked.database.url("worker"),
        "API_DATABASE_URL": linked.database.url("api"),
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "PLAID_URL": settings.plaid_url,
        "PLAID_CLIENT_ID": settings.plaid_client_id,
        "PLAID_SECRET": settings.plaid_secret,
        "PLAID_LIMITS": "none",
        "TOKEN_KEY_FILE": settings.token_key_file,
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "workers.cli", "incident", *arguments, "--json"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    file = tmp_path / "incident"
    written = run("export", "--item", str(linked.item_id), "-o", str(file))
    again = run("export", "--item", str(linked.item_id), "-o", str(file))
    told = run("replay", str(file))
    away = run("replay", str(file), "--plaid-url", "https://sandbox.plaid.com")

    assert (written.returncode, json.loads(written.stdout)["pages"]) == (0, 5), written.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert again.returncode == 2
    assert (told.returncode, json.loads(told.stdout)["equal"]) == (0, True), told.stderr
    assert (away.returncode, away.stdout) == (1, "")
    assert away.stderr.startswith("incident-refused")
