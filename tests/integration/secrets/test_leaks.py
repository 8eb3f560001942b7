"""No token, key or secret anywhere but where it belongs, after a whole life of bank connections at debug level.

And the search itself is shown to find: a secret planted in each kind of place is reported by name and place.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import redis
import requests
from psycopg2.extras import Json

from local.postgres import free_port
from tests.fixtures.database import Database
from tests.integration.secrets.run import Run, live_once
from tests.integration.secrets.search import Search, tables_with_rows

PLANTED = "access-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970"
KEY = bytes(range(200, 232))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The whole story, once for all questions."""
    with live_once(tmp_path_factory.mktemp("leaks") / "state", free_port()) as lived:
        yield lived


@pytest.mark.timeout(400)
def test_the_run_met_every_kind_of_secret_and_filled_the_places_that_are_searched(run: Run) -> None:
    assert len(run.secrets_like(b"access-")) >= 6
    assert len(run.secrets_like(b"public-")) >= 2
    assert len(run.secrets_like(b"link-")) >= 2
    for kind, least in (("data key", 4), ("key ", 4), ("the Plaid secret", 1)):
        assert len([name for name in run.secrets if name.startswith(kind)]) >= least
    assert len(run.queued) >= 2
    filled = tables_with_rows(run.stack.database_url())
    assert filled >= {"items", "item_tokens", "token_rotations", "webhook_inbox", "sync_runs", "page_keys",
                      "plaid_pages", "link_intents", "link_sessions", "mirror_state", "transactions"}  # fmt: skip
    states = {state for (state,) in run.ask("select state from token_rotations")}
    assert states == {"stored", "lost"}


def test_no_column_of_the_ledger_holds_a_secret(run: Run) -> None:
    assert run.search().in_database(run.stack.database_url()) == []


def test_no_file_of_the_servers_holds_a_secret_not_even_their_journals(run: Run) -> None:
    """The bank's own store, the key file and the settings are where secrets belong; all else is searched, WAL too."""
    belongs = ("plaid", "token-keys.json", "settings.env")

    assert run.search().in_folder(run.stack.state, without=belongs) == []
    for name in belongs[1:]:
        assert (run.stack.state / name).stat().st_mode & 0o077 == 0, name


def test_no_log_line_of_any_process_and_no_word_of_a_command_is_a_secret(run: Run) -> None:
    logs = run.stack.state / "logs"
    written = {path.name: path.stat().st_size for path in logs.glob("*.log")}

    assert all(written[f"{name}.log"] > 100 for name in ("api", "worker", "mirror", "plaid"))
    assert b'"level": "debug"' in (logs / "worker.log").read_bytes()
    assert run.search().in_folder(logs) == []
    assert run.search().in_bytes("the commands", run.said) == []


def test_nothing_in_the_broker_is_a_secret_neither_queued_nor_kept(run: Run) -> None:
    assert run.stack.broker is not None

    assert [run.search().in_bytes("the queue", message) for message in run.queued] == [[]] * len(run.queued)
    assert run.search().in_redis(run.stack.broker.url()) == []


@pytest.mark.ours_only("every document of every owner, which takes an endpoint of ours")
def test_no_document_is_or_holds_a_secret(run: Run) -> None:
    documents = requests.get(f"http://{run.stack.firestore}/_local/documents", timeout=30).json()

    assert len(documents) > 20
    assert run.search().in_json("Firestore", documents) == []


def test_the_api_answers_no_secret_but_the_link_token_that_was_asked_for(run: Run) -> None:
    """The page opens Link with it; everything else stays here."""
    asked_for = "POST /api/link-tokens"
    others = run.search(without=lambda name: name.startswith("link-"))

    assert {route for route, _ in run.answers} >= {asked_for, "POST /api/items", "POST /webhooks/plaid"}
    for route, answer in run.answers:
        search = others if route == asked_for else run.search()
        assert search.in_bytes(route, answer) == []


def test_no_command_line_shows_a_secret(run: Run) -> None:
    assert len(run.processes()) >= 6
    assert run.search().in_commands(run.processes()) == []


# The search finds.


@pytest.fixture
def search() -> Search:
    return Search({"the token": PLANTED, "the key": KEY})


@pytest.mark.parametrize(
    "statement",
    [
        "insert into users (id, email) values ('u', %(token)s)",
        "insert into users (id, email) values ('u', 'x' || upper(encode(%(key)s, 'hex')))",
        "insert into webhook_inbox (body, body_sha256, issued_at, webhook_type, webhook_code) "
        "values (('{\"a\": \"' || %(token)s || '\"}')::bytea, '', now(), '', '')",
        "insert into webhook_inbox (body, body_sha256, issued_at, webhook_type, webhook_code) "
        "values (%(key)s, '', now(), '', '')",
        "create table forgotten (deep jsonb); insert into forgotten values (%(json)s)",
        "create table forgotten (many text[]); insert into forgotten values (array['a', %(token)s])",
        "create table forgotten (raw bytea[]); insert into forgotten values (array['a'::bytea, %(key)s])",
        "create schema other; create table other.forgotten (x text); insert into other.forgotten values (%(token)s)",
        "create table forgotten (x text); insert into forgotten values (encode(('pad' || %(token)s)::bytea, 'base64'))",
    ],
)
def test_a_secret_planted_in_the_database_is_found(database: Database, search: Search, statement: str) -> None:
    assert search.in_database(database.url()) == []

    with psycopg2.connect(database.url()) as connection, connection.cursor() as cursor:
        cursor.execute(statement, {"token": PLANTED, "key": KEY, "json": Json({"a": [{"b": PLANTED}]})})
    connection.close()

    assert search.in_database(database.url()) != []


def _message(token: str) -> str:
    """A task as Celery lays it into the broker."""
    body = base64.b64encode(json.dumps([[], {"token": token}, {}]).encode()).decode()
    return json.dumps({"body": body, "headers": {"task": "pull_item"}})


@pytest.mark.parametrize(
    "plant",
    [
        lambda broker: broker.set("a", PLANTED),
        lambda broker: broker.set(PLANTED, "a"),
        lambda broker: broker.lpush("celery", _message(PLANTED)),
        lambda broker: broker.lpush("celery", _message("x" + PLANTED)),
        lambda broker: broker.lpush("celery", _message("xy" + PLANTED)),
        lambda broker: broker.hset("unacked", "tag", json.dumps([_message(PLANTED)])),
        lambda broker: broker.sadd("a", KEY),
        lambda broker: broker.zadd("a", {PLANTED: 1}),
        lambda broker: broker.xadd("a", {"b": PLANTED}),
    ],
)
def test_a_secret_planted_in_the_broker_is_found(
    valkey: str, search: Search, plant: Callable[[redis.Redis], object]
) -> None:
    assert search.in_redis(valkey) == []

    with redis.Redis.from_url(valkey) as broker:
        plant(broker)

    assert search.in_redis(valkey) != []


@pytest.mark.parametrize(
    "written",
    [
        PLANTED.encode(), repr(PLANTED).encode(), PLANTED.encode().hex().encode(), KEY, base64.b64encode(KEY),
        base64.urlsafe_b64encode(b"a" + KEY + b"z"), b'{"exception": "ValueError: ' + PLANTED.encode() + b'"}',
    ],
)  # fmt: skip
def test_a_secret_planted_in_a_log_is_found(tmp_path: Path, search: Search, written: bytes) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "worker.log"
    log.write_bytes(b"2026-11-20 a line\n")
    assert search.in_folder(tmp_path) == []

    log.write_bytes(b"2026-11-20 a line\n" + written + b"\nanother\n")

    assert search.in_folder(tmp_path) != []
    assert search.in_folder(tmp_path, without=["logs"]) == []


def test_a_secret_planted_in_an_answer_a_document_or_a_command_line_is_found(search: Search) -> None:
    assert search.in_json("Firestore", {"users/u": {"note": ["x", PLANTED]}}) == ["the token in Firestore"]
    assert search.in_bytes("GET /", f'{{"detail": "{PLANTED}"}}'.encode()) == ["the token in GET /"]
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", PLANTED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert search.in_commands([process.pid]) == [f"the token in the command of {process.pid}"]


def test_what_is_found_is_told_by_name_and_never_by_value(search: Search) -> None:
    found = search.in_bytes("a place", PLANTED.encode() + KEY)

    assert found == ["the key in a place", "the token in a place"]
    assert PLANTED not in repr(found)


def test_half_a_secret_or_another_one_is_not_found(search: Search) -> None:
    assert search.in_bytes("a place", PLANTED[:-1].encode() + KEY[:-1] + base64.b64encode(KEY[1:])) == []
