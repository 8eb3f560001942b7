"""The exchange of a bank token: the old one dies at Plaid, so whatever happens in between is known, never hidden."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from local.kms.server import RunningKms
from sync.banks.item_lock import hold_item
from sync.banks.items import create_link_token
from sync.banks.tokens import rotatable
from sync.errors import PlaidError, PlaidTransient, TokenLost, VaultUnavailable
from sync.keys.vault import open_vault
from sync.pull.plaid import Plaid
from sync.pull.sweep import remove_item, sweep
from tests.fixtures.database import Database
from tests.fixtures.waiting import eventually
from tests.integration.pull.process import celery_worker
from tests.integration.secrets.conftest import Home
from tests.integration.secrets.search import Search


def test_the_new_token_is_stored_and_the_old_one_is_nowhere(home: Home) -> None:
    old = home.stored()

    assert home.rotate() == "stored"

    assert home.stored() != old
    assert home.plaid.call("/item/get", access_token=old)["error_code"] == "INVALID_ACCESS_TOKEN"
    assert home.plaid.call("/item/get", access_token=home.stored())["item"]["item_id"] == home.item("plaid_item_id")
    assert home.pull().outcome == "applied"
    assert home.equal_to_bank()
    assert home.intents() == ["stored"]
    assert home.one("select request_id is not null and ended_at is not null from token_rotations")
    assert Search({"old": old, "new": home.stored()}).in_database(home.database.url()) == []


def test_a_crash_between_plaids_answer_and_our_commit_is_known_to_the_next_pull(home: Home) -> None:
    home.pull()
    old = home.stored()

    assert home.rotate_in_child(LIVESPEND_CRASH_AT="rotate:answered") == -signal.SIGKILL
    assert (home.intents(), home.stored(), home.item("status")) == (["asked"], old, "ok")
    home.tell()
    with capture_logs() as said:
        result = home.pull_owed()

    assert (result.outcome, home.run("error_code")) == ("failed", "TOKEN_LOST")
    assert (home.intents(), home.item("status"), home.item("error_code")) == (["lost"], "login_required", "TOKEN_LOST")
    assert "link the bank again" in home.item("error_message")
    assert home.owed("wanted = done and retry_at is null") is True
    assert [line["item_id"] for line in said if (line["event"], line["log_level"]) == ("token_lost", "error")] == [
        str(home.item_id)
    ]
    assert Search({"old": old}).in_json("the log", said) == []


def test_the_sweep_finds_a_crash_that_no_pull_has_met(home: Home) -> None:
    home.pull()
    home.rotate_in_child(LIVESPEND_CRASH_AT="rotate:answered")
    later = replace(home.deps, now=lambda: home.deps.now() + timedelta(minutes=6))

    sweep(home.deps)
    assert ("rotate_token", {"item_id": str(home.item_id)}) not in home.deps_for.bells
    sweep(later)
    assert ("rotate_token", {"item_id": str(home.item_id)}) in home.deps_for.bells
    with capture_logs() as said:
        assert home.rotate() == "lost"
        home.pull_owed()

    assert (home.intents(), home.item("status")) == (["lost"], "login_required")
    assert [line["event"] for line in said].count("token_lost") == 1


def test_a_lost_token_stays_lost_whatever_heals_the_item_meanwhile(home: Home) -> None:
    home.rotate_in_child(LIVESPEND_CRASH_AT="rotate:answered")
    home.pull()
    home.database.sql("update items set status = 'ok', error_code = null, error_message = null")

    home.pull()

    assert (home.item("status"), home.item("error_code")) == ("login_required", "TOKEN_LOST")


def test_a_crash_before_plaid_was_asked_costs_nothing(home: Home) -> None:
    old = home.stored()

    assert home.rotate_in_child(LIVESPEND_CRASH_AT="rotate:asked") == -signal.SIGKILL
    assert home.pull().outcome == "applied"
    assert (home.intents(), home.item("status"), home.stored()) == (["asked"], "ok", old)
    assert home.rotate() == "stored"

    assert (home.intents(), home.stored() != old, home.pull().outcome) == (["stored"], True, "nothing")


def test_a_crash_after_the_commit_leaves_nothing_to_do(home: Home) -> None:
    old = home.stored()

    assert home.rotate_in_child(LIVESPEND_CRASH_AT="rotate:stored") == -signal.SIGKILL

    assert (home.intents(), home.stored() != old, home.pull().outcome) == (["stored"], True, "applied")


def test_a_token_that_is_dead_for_another_reason_is_not_called_lost(home: Home) -> None:
    home.plaid.call("/item/access_token/invalidate", access_token=home.stored())

    assert home.rotate() == "kept"
    home.pull_owed()

    assert (home.intents(), home.item("status"), home.item("error_code")) == (
        ["kept"],
        "revoked",
        "INVALID_ACCESS_TOKEN",
    )


@pytest.mark.parametrize(
    ("code", "outcome", "intents"),
    [
        ("INTERNAL_SERVER_ERROR", "unknown", ["asked"]),
        ("RATE_LIMIT", "later", ["kept"]),
        ("INVALID_API_KEYS", "kept", ["kept"]),
    ],
)
def test_a_refusal_leaves_the_old_token_at_work(home: Home, code: str, outcome: str, intents: list[str]) -> None:
    home.plaid.fault("error", path="/item/access_token/invalidate", error_code=code)

    assert home.rotate() == outcome
    assert home.intents() == intents
    assert home.pull().outcome == "applied"
    assert home.rotate() == "stored"


def test_an_answer_that_does_not_arrive_is_asked_for_again_and_then_known_as_lost(home: Home) -> None:
    home.plaid.fault("drop", path="/item/access_token/invalidate", when="after")

    assert home.rotate() == "unknown"
    assert (home.intents(), home.item("status")) == (["asked"], "ok")
    home.plaid.fault("error", path="/item/access_token/invalidate", error_code="RATE_LIMIT")
    assert home.rotate() == "unknown"
    assert home.rotate() == "lost"


def test_nothing_is_asked_while_the_key_service_is_away(home: Home, kms_server: RunningKms) -> None:
    """After Plaid's answer there must be nothing left that can refuse."""
    old = home.stored()
    vault = open_vault(home.deps.settings.token_key_file, kms_key_id="alias/x", endpoint_url=kms_server.url)
    kms_server.stop()

    with pytest.raises(VaultUnavailable):
        home.with_deps(vault=vault).rotate()

    assert (home.intents(), home.stored()) == ([], old)
    assert home.plaid.requests("/item/access_token/invalidate") == []


class Meanwhile(Plaid):
    """The real client, and something that happens between Plaid's answer and what follows."""

    happens: Callable[[], None]

    def invalidate_token(self, token: str) -> tuple[str, str | None]:
        answer = super().invalidate_token(token)
        self.happens()
        return answer


def while_exchanging(home: Home, happens: Callable[[], None]) -> Home:
    """A home whose worker has this happen to it while Plaid answers the exchange."""
    plaid = Meanwhile(url=home.plaid.url, client_id=home.plaid.client_id, secret=home.plaid.secret)
    plaid.happens = happens
    return home.with_deps(plaid=plaid)


def test_a_pull_during_the_exchange_waits_and_then_uses_the_new_token(home: Home) -> None:
    pulled: list[str] = []

    assert while_exchanging(home, lambda: pulled.append(home.pull().outcome)).rotate() == "stored"

    assert (pulled, home.pull_owed().outcome, home.intents()) == (["busy"], "applied", ["stored"])


def test_an_unlinking_during_the_exchange_ends_the_item_at_plaid_all_the_same(home: Home) -> None:
    """The dead token would look like an item that is gone, and the item would live on, paid for and unseen."""
    removed: list[bool] = []

    def unlink() -> None:
        home.database.sql("update items set removed_at = now()")
        removed.append(remove_item(home.deps, home.item_id))

    assert while_exchanging(home, unlink).rotate() == "stored"
    assert removed == [False]
    assert remove_item(home.deps, home.item_id) is True

    assert [asked["error_code"] for asked in home.plaid.requests("/item/remove")] == [None]


def test_a_database_that_goes_away_during_the_exchange_does_not_cost_the_token(home: Home) -> None:
    cut = [True]

    def cut_off() -> None:
        home.database.sql("alter role livespend_worker connection limit 0")
        home.database.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'livespend_worker' "
            "and datname = current_database()"
        )
        threading.Timer(0.5, restore).start()

    def restore() -> None:
        cut.clear()
        Database(home.database.server, home.database.name).sql("alter role livespend_worker connection limit -1")

    old = home.stored()
    outcome = while_exchanging(home, cut_off).rotate()

    assert (cut, outcome, home.intents(), home.stored() != old) == ([], "stored", ["stored"], True)
    assert home.pull().outcome == "applied"


def test_update_mode_during_the_exchange_does_not_call_a_healthy_bank_gone(home: Home) -> None:
    """The API holds no lock: it may ask Plaid with a token that has just died."""
    met: list[str] = []
    api = home.deps_for("api", plaid=home.deps.plaid)

    def ask_for_update_mode() -> None:
        with pytest.raises(PlaidTransient) as refused:
            create_link_token(api, "u1", home.item_id)
        met.append(refused.value.code)

    assert while_exchanging(home, ask_for_update_mode).rotate() == "stored"

    assert (met, home.item("status")) == (["plaid-unavailable"], "ok")
    assert create_link_token(api, "u1", home.item_id)["linkToken"].startswith("link-")


def test_a_lost_bank_is_not_sent_to_sign_in_but_to_link_again(home: Home) -> None:
    home.rotate_in_child(LIVESPEND_CRASH_AT="rotate:answered")
    home.pull()
    api = home.deps_for("api", plaid=home.deps.plaid)

    with pytest.raises(TokenLost):
        create_link_token(api, "u1", home.item_id)

    assert (home.item("status"), home.item("error_code")) == ("login_required", "TOKEN_LOST")


def test_an_exchange_during_a_pull_is_busy_and_the_pull_goes_on(home: Home) -> None:
    with hold_item(home.deps.engine, home.item_id) as alone:
        assert (alone, home.rotate()) == (True, "busy")

    assert (home.intents(), home.rotate()) == ([], "stored")


def test_two_workers_exchange_a_token_once_each_or_not_at_all(home: Home) -> None:
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: home.rotate(), range(4)))

    assert set(outcomes) <= {"stored", "busy"}
    assert len(home.plaid.requests("/item/access_token/invalidate")) == outcomes.count("stored")
    assert home.pull().outcome == "applied"


def test_only_linked_items_are_exchanged(home: Home) -> None:
    assert rotatable(home.deps) == rotatable(home.deps, user_id="u1") == [home.item_id]
    assert rotatable(home.deps, user_id="u2") == []
    home.database.sql("update items set removed_at = now()")

    assert (rotatable(home.deps), home.rotate()) == ([], "gone")


def test_a_real_worker_exchanges_a_token_between_its_pulls(home: Home, valkey: str, tmp_path: Path) -> None:
    """A stream of pulls by a worker process, tokens exchanged under it; no pull fails."""
    from api.doorbell import Doorbell

    bell = Doorbell(valkey)
    used = {home.stored()}
    with celery_worker(home, valkey, tmp_path, **home.keys):
        for _ in range(3):
            home.tell()
            bell.ring("pull_item", {"item_id": str(home.item_id)})
            bell.ring("rotate_token", {"item_id": str(home.item_id)})
            eventually(lambda: home.owed("wanted = done"))
            eventually(lambda: home.stored() not in used)
            used.add(home.stored())
    bell.close()

    assert home.equal_to_bank()
    assert set(home.intents()) == {"stored"}
    assert home.database.sql("select distinct error_code from sync_runs") == [(None,)]
    log = (tmp_path / "worker.log").read_bytes()
    assert Search({str(n): token for n, token in enumerate(used)}).in_bytes("worker.log", log) == []


def test_the_command_exchanges_and_tells_how_each_ended(home: Home) -> None:
    old = home.stored()

    done = home.command("tokens", "rotate", "--all", "--json")

    assert (done.returncode, json.loads(done.stdout)) == (0, {"items": 1, "stored": 1})
    assert home.stored() != old
    assert old not in done.stdout + done.stderr


def test_the_command_fails_if_an_item_needs_its_user(home: Home) -> None:
    home.rotate_in_child(LIVESPEND_CRASH_AT="rotate:answered")

    done = home.command("tokens", "rotate", "--item", str(home.item_id), "--json")

    assert (done.returncode, json.loads(done.stdout)["lost"]) == (1, 1)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [[], ["--item", "x"], ["--all", "--user", "u1"]])
def test_the_command_wants_exactly_one_choice(home: Home, options: list[str]) -> None:
    assert home.command("tokens", "rotate", *options).returncode == 2
    assert home.intents() == []


def test_an_item_that_is_not_there_is_no_success(home: Home) -> None:
    assert home.command("tokens", "rotate", "--user", "nobody").returncode == 1


def test_no_error_of_an_exchange_quotes_a_token(home: Home) -> None:
    home.plaid.fault("error", path="/item/access_token/invalidate", error_code="INVALID_FIELD", error_message="x")
    assert home.deps.plaid is not None

    with pytest.raises(PlaidError) as refused:
        home.deps.plaid.invalidate_token(home.stored())

    assert home.stored() not in repr(refused.value) + str(refused.value) + repr(refused.value.__cause__)
