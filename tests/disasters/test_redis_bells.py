"""The mirror's doorbell in Redis: who rings it, who still rings NOTIFY, and what is left when it is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from local import valkey
from local.postgres import free_port
from sync.db import edit, make_engine, transaction
from sync.deps import Deps
from sync.errors import InvalidFields, InvalidSettings
from sync.idempotency import once
from sync.ledger import ledger
from sync.mirror.doorbell import CHANNEL, Bell, Notices
from sync.mirror.session import Session
from sync.settings import NEEDS, read_settings

LONG = 3600.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[valkey.Valkey]:
    """A Redis of this test's own, which it may stop and start again."""
    server = valkey.start(tmp_path / "redis", port=free_port())
    yield server
    server.stop()


@pytest.fixture
def api(deps_for: Callable[..., Deps], database, broker) -> Iterator[Deps]:
    """The API's dependencies, ringing Redis."""
    bell = Bell(broker.url())
    engine = make_engine(database.url("api"), role_hint="test bell", bell=bell)
    yield deps_for("api", engine=engine)
    engine.dispose()
    bell.close()


@pytest.fixture
def by_redis(broker) -> dict[str, Any]:
    """Settings of a mirror that hears Redis and hardly ever sweeps."""
    return {"mirror_doorbell": "redis", "redis_url": broker.url(), "sweep_seconds": LONG}


def test_an_edit_of_the_api_rings_redis_and_no_notify(books, database, api, broker):
    ada = books()
    (row,) = ada.add(1)
    database.sql("update owners set dirty = false")
    session = Session(database.url("mirror"))
    with redis.Redis.from_url(broker.url()) as client, client.pubsub() as heard:
        heard.subscribe(CHANNEL)
        assert heard.get_message(timeout=5)["type"] == "subscribe"
        ledger.set_note(api, "ada", row, "lunch")
        ledger.set_note(api, "ada", row, "dinner")  # dirty already: nobody needs another bell
        told = heard.get_message(timeout=5)
        silence = heard.get_message(timeout=0.2)

    assert (told["data"], silence) == (b'["users/ada"]', None)
    assert session.rung() == set()
    session.close()


def test_no_edit_waits_for_the_sweep(books, api, running_mirror, by_redis, eventually, clean, assert_mirrored):
    ada = books()
    (row,) = ada.add(1)
    running_mirror(**by_redis)
    eventually(clean)

    for number in range(50):
        ledger.set_note(api, "ada", row, f"note {number}")
        eventually(clean)

    assert_mirrored()


def test_an_update_typed_in_sql_still_rings_notify(books, running_mirror, by_redis, eventually, clean, assert_mirrored):
    ada = books()
    (row,) = ada.add(1)
    running_mirror(**by_redis)
    eventually(clean)

    ada.annotate(row, "typed in psql")
    eventually(clean)

    assert_mirrored()


def _think_better_of_it(api: Deps, row: str) -> None:
    with edit(api.engine, "ada") as (connection, _):
        connection.exec_driver_sql("update entries set note = 'x' where id = %s", (row,))
        raise InvalidFields({"note": "not like this"})


def test_what_is_rolled_back_rings_nobody(books, database, api, broker):
    ada = books()
    (row,) = ada.add(1)
    database.sql("update owners set dirty = false")
    with redis.Redis.from_url(broker.url()) as client, client.pubsub() as heard:
        heard.subscribe(CHANNEL)
        heard.get_message(timeout=5)
        with pytest.raises(InvalidFields):
            _think_better_of_it(api, row)
        with transaction(api.engine, "ada") as connection:
            connection.exec_driver_sql("select 1")
        assert heard.get_message(timeout=0.2) is None
    database.sql("update owners set dirty = true, dirty_since = now()")


def test_an_answer_that_is_kept_rings_once_when_all_of_it_is_in(books, database, api, broker):
    ada = books()
    (row,) = ada.add(1)
    database.sql("update owners set dirty = false")
    with redis.Redis.from_url(broker.url()) as client, client.pubsub() as heard:
        heard.subscribe(CHANNEL)
        heard.get_message(timeout=5)

        def work(deps: Deps) -> tuple[int, dict[str, Any]]:
            ledger.set_note(deps, "ada", row, "inside")
            assert heard.get_message(timeout=0.2) is None  # its savepoint is released, nothing is committed
            return 200, {}

        once(api, "ada", "key", b"sha", work)
        told, silence = heard.get_message(timeout=5), heard.get_message(timeout=0.2)

    assert (told["data"], silence) == (b'["users/ada"]', None)


def test_without_redis_edits_go_on_and_the_sweep_finds_them(
    books, api, broker, running_mirror, by_redis, eventually, clean, assert_mirrored
):
    ada = books()
    (row,) = ada.add(1)
    running_mirror(**{**by_redis, "sweep_seconds": 0.3})
    eventually(clean)
    broker.stop()

    for number in range(3):
        ledger.set_note(api, "ada", row, f"note {number}")
    eventually(clean)

    assert_mirrored()


def test_a_redis_that_comes_back_is_heard_again_after_a_sweep(
    books, api, broker, running_mirror, by_redis, eventually, clean, assert_mirrored, tmp_path
):
    ada = books()
    (row,) = ada.add(1)
    running_mirror(**by_redis)
    eventually(clean)
    broker.stop()
    ledger.set_note(api, "ada", row, "nobody hears of it")

    again = valkey.start(tmp_path / "redis", port=broker.port)
    try:
        eventually(clean)
        assert_mirrored()
    finally:
        again.stop()


def test_a_wiped_redis_loses_nothing(books, api, broker, running_mirror, by_redis, eventually, clean, assert_mirrored):
    ada = books()
    (row,) = ada.add(1)
    running_mirror(**by_redis)
    eventually(clean)
    with redis.Redis.from_url(broker.url()) as client:
        client.flushall()

    ledger.set_note(api, "ada", row, "after the wipe")
    eventually(clean)

    assert_mirrored()


def test_a_notice_names_any_owner():
    notices = Notices()
    notices.append('NOTICE:  livespend_dirty ["users/a b","users/\\"quoted\\""]\n')
    notices.append("NOTICE:  something else\n")

    assert notices.owners == {"users/a b", 'users/"quoted"'}


def test_the_mirror_needs_redis_only_where_it_rings():
    env = {"MIRROR_DATABASE_URL": "postgresql://x/y", "FIREBASE_PROJECT_ID": "p"}

    assert read_settings(env, needs=NEEDS["mirror"]).mirror_doorbell == "postgres"
    with pytest.raises(InvalidSettings, match="REDIS_URL is missing"):
        read_settings({**env, "MIRROR_DOORBELL": "redis"}, needs=NEEDS["mirror"])
    assert dataclasses.replace(read_settings(env), mirror_doorbell="redis").redis_url == ""
