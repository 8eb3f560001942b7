"""Keys change while everything runs: nothing stops opening, nothing newer is overwritten, no key goes too early."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.doorbell import Doorbell
from sync.errors import KeyInUse, VaultFailed
from sync.keys import rotation
from sync.keys.key_file import read_keys, rotate_key_file
from sync.keys.rotation import HOLDERS, rewrap
from sync.keys.vault import WrappedKey, open_vault
from tests.fixtures.database import Database
from tests.fixtures.waiting import eventually
from tests.integration.pull.process import celery_worker
from tests.integration.secrets.conftest import Home, put_item

SILENT = lambda *_: None  # noqa: E731


def key_file(home: Home) -> Path:
    """Where the keys of this ledger are."""
    return Path(home.deps.settings.token_key_file)


def new_key(home: Home) -> str:
    """A new current key, made an hour and more ago."""
    return rotate_key_file(key_file(home), home.deps.now() - timedelta(hours=2))


def put_many(home: Home, count: int) -> list[UUID]:
    """Items of u1 with tokens `access-sandbox-<their id>`."""
    assert home.deps.vault is not None
    made = []
    for number in range(count):
        made.append(put_item(home.database, home.deps.vault, "u1", f"access-sandbox-{number}", f"other-{number}"))
    return made


def put_pages_key(home: Home) -> bytes:
    """A data key for the item's raw pages; answers something sealed with it."""
    assert home.deps.vault is not None
    key, wrapped = home.deps.vault.new_key(f"pages of {home.item_id}")
    home.database.sql(
        "insert into page_keys (item_id, key_id, wrapped) values (%s, %s, %s)",
        home.item_id, wrapped.key_id, wrapped.wrapped,
    )  # fmt: skip
    return key.seal(b"a raw page", "page 1")


def opened_page(home: Home, sealed: bytes) -> bytes:
    """What was sealed, by the key as it is stored now."""
    assert home.deps.vault is not None
    ((key_id, wrapped),) = home.database.sql("select key_id, wrapped from page_keys")
    return home.deps.vault.open_key(f"pages of {home.item_id}", WrappedKey(key_id, bytes(wrapped))).open(
        sealed, "page 1"
    )


def seal_as_before_envelopes(home: Home) -> None:
    """Puts the item's token back to how it was stored before it had a data key of its own."""
    keys, token, nonce = read_keys(key_file(home)), home.stored(), b"n" * 12
    ciphertext = AESGCM(keys.keys[keys.current]).encrypt(nonce, token.encode(), str(home.item_id).encode())
    home.database.sql(
        "update item_tokens set key_id = %s, nonce = %s, ciphertext = %s, wrapped_key = null",
        keys.current, nonce, ciphertext,
    )  # fmt: skip


def test_every_table_with_a_key_id_is_rewrapped(database: Database) -> None:
    """A table that is not listed would be left under a retired key, for ever closed."""
    tables = database.sql(
        "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'key_id'"
    )

    assert {name for (name,) in tables} == {holder.table for holder in HOLDERS}


def test_rewrapping_brings_everything_under_the_new_key_and_leaves_what_is_sealed(home: Home) -> None:
    items, page = put_many(home, 3), put_pages_key(home)
    before = dict(home.database.sql("select item_id, ciphertext from item_tokens"))
    key_id = new_key(home)

    done = rewrap(home.deps, SILENT)

    assert (done.current, done.moved, done.overtaken, done.failed) == (key_id, 5, 0, [])
    assert rotation.count_keys(home.deps)["item_tokens"] == {key_id: 4}
    assert rotation.find_unopened(home.deps, SILENT) == []
    after = dict(home.database.sql("select item_id, ciphertext from item_tokens"))
    assert {item: bytes(sealed) for item, sealed in before.items()} == {item: bytes(c) for item, c in after.items()}
    assert set(after) == {home.item_id, *items}
    assert opened_page(home, page) == b"a raw page"
    assert home.pull().outcome == "applied"


def test_rewrapping_twice_writes_nothing_the_second_time(home: Home) -> None:
    new_key(home)
    rewrap(home.deps, SILENT)
    before = home.database.sql("select xmin::text from item_tokens")

    done = rewrap(home.deps, SILENT)

    assert (done.moved, home.database.sql("select xmin::text from item_tokens")) == (0, before)


def test_a_token_from_before_the_envelopes_is_pulled_with_and_gets_one(home: Home) -> None:
    token = home.stored()
    seal_as_before_envelopes(home)
    assert home.pull().outcome == "applied"
    new_key(home)

    done = rewrap(home.deps, SILENT)

    (sealed,) = home.sealed()
    assert (done.moved, sealed.wrapped_key is not None, home.stored()) == (2, True, token)


def test_a_token_exchanged_while_it_is_rewrapped_is_not_overwritten(home: Home) -> None:
    """The row is read, changes under the same old key by a process that knows no newer one, and then is written."""
    put_pages_key(home)
    late = shutil.copy(key_file(home), key_file(home).with_name("late.json"))
    late_home = home.with_deps(vault=open_vault(late))
    new_key(home)
    fresh: list[str] = []

    class Slow(type(home.deps.vault)):  # type: ignore[misc]
        """A vault during whose rewrapping the token is exchanged."""

        def rewrap_token(self, *row: Any) -> Any:
            moved = super().rewrap_token(*row)
            if not fresh:
                late_home.rotate()
                fresh.append(home.stored())
            return moved

    slow = Slow(home.deps.vault._kms)  # type: ignore[union-attr]
    done = rewrap(replace(home.deps, vault=slow), SILENT)

    assert (done.moved, done.overtaken, [home.stored()]) == (1, 1, fresh)
    assert home.pull().outcome == "applied"


def test_a_run_that_was_killed_is_simply_begun_again(home: Home) -> None:
    put_many(home, 2 * rotation._STEP)
    key_id = new_key(home)

    class Killed(Exception):
        """Stands for the operator's Ctrl-C."""

    def stop(table: str, seen: int, total: int) -> None:
        if seen:
            raise Killed

    with pytest.raises(Killed):
        rewrap(home.deps, stop)
    half = rotation.count_keys(home.deps)["item_tokens"][key_id]
    done = rewrap(home.deps, SILENT)

    assert (half, done.moved) == (rotation._STEP, rotation._STEP + 1)
    assert rotation.count_keys(home.deps)["item_tokens"] == {key_id: 2 * rotation._STEP + 1}


def test_what_does_not_open_is_named_and_the_rest_is_moved(home: Home) -> None:
    (broken, _) = put_many(home, 2)
    home.database.sql("update item_tokens set wrapped_key = '\\x00' where item_id = %s", broken)
    key_id = new_key(home)

    done = home.command("keys", "rewrap", "--json")
    status = home.command("keys", "status", "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["moved"], len(told["failed"])) == (1, 2, 1)
    assert str(broken) in told["failed"][0]
    seen = json.loads(status.stdout)
    assert (status.returncode, seen["sealed"]["item_tokens"][key_id]) == (1, 2)
    assert [name.split(":")[0] for name in seen["unopened"]] == [f"item_tokens {broken}"]


def test_a_key_is_retired_once_nothing_is_under_it_and_an_hour_has_gone(home: Home) -> None:
    old = read_keys(key_file(home)).current
    with pytest.raises(KeyInUse, match="current"):
        rotation.retire(home.deps, old)
    rotate_key_file(key_file(home), home.deps.now())
    with pytest.raises(KeyInUse, match="try again after"):
        rotation.retire(home.deps, old)
    later = replace(home.deps, now=lambda: home.deps.now() + timedelta(hours=1, minutes=1))
    with pytest.raises(KeyInUse, match="1 secrets"):
        rotation.retire(later, old)
    rewrap(home.deps, SILENT)

    rotation.retire(later, old)

    assert old not in read_keys(key_file(home)).keys
    assert home.pull().outcome == "applied"
    with pytest.raises(KeyInUse, match="no key"):
        rotation.retire(later, old)


def test_a_key_under_which_only_raw_pages_are_is_not_retired(home: Home) -> None:
    old = read_keys(key_file(home)).current
    page = put_pages_key(home)
    new_key(home)
    home.rotate()

    with pytest.raises(KeyInUse, match="1 secrets"):
        rotation.retire(home.deps, old)

    assert opened_page(home, page) == b"a raw page"


def test_without_its_key_a_token_is_a_named_failure_and_the_item_waits(home: Home) -> None:
    keys = json.loads(key_file(home).read_text())
    key_file(home).write_text(json.dumps({"current": "b", "keys": {"b": next(iter(keys["keys"].values()))}}))

    result = home.pull()
    status = home.command("keys", "status", "--json")

    assert (result.outcome, home.run("error_code"), home.item("status")) == ("failed", "vault-failed", "ok")
    assert (status.returncode, len(json.loads(status.stdout)["unopened"])) == (1, 1)
    with pytest.raises(VaultFailed):
        home.stored()


def test_no_pull_of_a_real_worker_fails_while_the_keys_change_under_it(home: Home, valkey: str, tmp_path: Path) -> None:
    """A stream of pulls by another process; meanwhile new keys, everything rewrapped, the old keys retired."""
    bell, first = Doorbell(valkey), read_keys(key_file(home)).current
    items = [home.item_id, *put_more(home, 9)]  # each is asked for less often than Plaid's pace per item
    stop = threading.Event()

    def stream() -> None:
        asker = Database(home.database.server, home.database.name)
        for item_id in itertools.cycle(items):
            if stop.wait(0.1):
                break
            asker.sql("update item_pulls set wanted = wanted + 1 where item_id = %s", item_id)
            bell.ring("pull_item", {"item_id": str(item_id)})
        asker.close()

    with celery_worker(home, valkey, tmp_path, **home.keys):
        asker = threading.Thread(target=stream)
        asker.start()
        try:
            for _ in range(2):
                runs = home.one("select count(*) from sync_runs")
                eventually(lambda runs=runs: home.one("select count(*) from sync_runs") > runs + 10)  # type: ignore[misc]
                rotate_under_load(home)
        finally:
            stop.set()
            asker.join(10)
        eventually(lambda: home.one("select bool_and(wanted = done) from item_pulls"))
    bell.close()

    assert home.database.sql("select distinct error_code from sync_runs") == [(None,)]
    assert home.one("select count(distinct item_id) from sync_runs") == len(items)
    assert first not in read_keys(key_file(home)).keys


def rotate_under_load(home: Home) -> None:
    """A new key, everything under it, the old one gone; by the operator's commands, an hour later for the last."""
    key_id = json.loads(home.command("keys", "rotate", "--json").stdout)["current"]
    assert home.command("keys", "rewrap", "--json").returncode == 0
    held = rotation.count_keys(home.deps)
    assert {key for counts in held.values() for key in counts} == {key_id}
    later = replace(home.deps, now=lambda: home.deps.now() + timedelta(hours=2))
    for old in set(read_keys(key_file(home)).keys) - {key_id}:
        rotation.retire(later, old)


def put_more(home: Home, count: int) -> list[UUID]:
    """Items of other users at the same bank, with tokens that work."""
    assert home.deps.vault is not None
    vault, database = home.deps.vault, home.database
    linked = [(f"more-{number}", *home.plaid.item(f"more-{number}")) for number in range(count)]
    return [put_item(database, vault, user, token, plaid_item_id) for user, token, plaid_item_id in linked]


def test_the_commands_say_what_they_did(home: Home) -> None:
    first = read_keys(key_file(home)).current
    made = json.loads(home.command("keys", "rotate", "--json").stdout)
    moved = home.command("keys", "rewrap")
    status = home.command("keys", "status", "--json")
    refused = home.command("keys", "retire", first)

    assert read_keys(key_file(home)).current == made["current"] != first
    assert (moved.returncode, "moved: 1" in moved.stdout) == (0, True)
    told = json.loads(status.stdout)
    assert (status.returncode, told["current"], told["unopened"]) == (0, made["current"], [])
    assert told["sealed"]["item_tokens"] == {made["current"]: 1}
    assert (refused.returncode, "key-in-use" in refused.stderr) == (1, True)


def test_an_empty_ledger_has_nothing_to_move(home: Home) -> None:
    home.database.sql("delete from item_tokens")

    assert rewrap(home.deps, SILENT).moved == 0
    assert home.command("keys", "status", "--json").returncode == 0
