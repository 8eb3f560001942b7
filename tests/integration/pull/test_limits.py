"""The buckets in Redis: one script for every process, and what happens when Redis is not there."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from local import valkey as local_valkey
from local.postgres import free_port
from sync.deps import _plaid
from sync.errors import PlaidPaced
from sync.pull.limits import SCRIPT, Limit, Limits
from tests.fixtures.deps import DepsFor
from tests.integration.pull.bank import Bank, page
from tests.integration.pull.conftest import TOKEN, Linked
from tests.unit.pull.test_limits import most_in_a_minute

WINDOW = 61_000_000


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    """An empty Redis."""
    with redis.Redis.from_url(valkey) as connected:
        yield connected


@pytest.mark.parametrize("seed", range(20))
def test_the_script_lets_no_minute_see_more_than_the_limits(client: redis.Redis, seed: int) -> None:
    chance, script, now = random.Random(seed), client.register_script(SCRIPT), 1_790_000_000_000_000
    taken: dict[str, list[float]] = {"client": [], "a": [], "b": []}
    for _ in range(150):
        now += int(chance.choice([0, 0, chance.uniform(0, 2e6), chance.uniform(0, 4e7)]))
        item = chance.choice("ab")
        wait = int(script(keys=["client", item], args=[now, WINDOW, 6, 4]))
        if wait:
            assert int(script(keys=["client", item], args=[now + wait - 1, WINDOW, 6, 4])) > 0
            now += wait
            assert int(script(keys=["client", item], args=[now, WINDOW, 6, 4])) == 0
        taken["client"].append(now / 1e6)
        taken[item].append(now / 1e6)

    assert most_in_a_minute(taken["client"]) == 6
    assert most_in_a_minute(taken["a"]) <= 4
    assert most_in_a_minute(taken["b"]) <= 4


def test_a_clock_that_is_set_back_blocks_nobody(client: redis.Redis) -> None:
    script = client.register_script(SCRIPT)
    assert int(script(keys=["ring"], args=[7_200_000_000, WINDOW, 1])) == 0

    assert int(script(keys=["ring"], args=[3_600_000_000, WINDOW, 1])) == 0
    assert int(script(keys=["ring"], args=[3_600_000_001, WINDOW, 1])) == WINDOW - 1


def test_processes_that_take_at_once_share_one_limit(valkey: str) -> None:
    doors = [Limits({"item_get": Limit(None, 100)}, valkey) for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        waits = list(threads.map(lambda n: doors[n % 4].take("item_get", None), range(160)))

    assert waits.count(0.0) == 100
    assert all(55 < wait <= 61 for wait in waits if wait)


def test_redis_holds_a_digest_of_the_token_and_forgets_it(valkey: str, client: redis.Redis) -> None:
    Limits({"item_get": Limit(2, 10)}, valkey).take("item_get", TOKEN)
    keys = client.keys()

    assert len(keys) == 2
    assert not [key for key in keys if TOKEN.encode() in key or TOKEN[-12:].encode() in key]
    assert all(0 < client.ttl(key) <= 61 for key in keys)


def test_a_wiped_redis_begins_with_full_buckets(valkey: str, client: redis.Redis) -> None:
    limits = Limits({"item_get": Limit(1, 10)}, valkey)
    assert limits.take("item_get", TOKEN) == 0
    assert limits.take("item_get", TOKEN) > 0
    client.flushall()

    assert limits.take("item_get", TOKEN) == 0


def test_without_redis_a_process_goes_on_at_a_tenth_and_says_so_once() -> None:
    limits = Limits({"item_get": Limit(20, 100)}, f"redis://127.0.0.1:{free_port()}/0", clock=lambda: 0.0)

    with capture_logs() as logged:
        taken = [limits.take("item_get", token) for token in "abcdefgh" for _ in range(3)]

    assert taken.count(0.0) == 10
    assert [line["event"] for line in logged] == ["limits_without_redis"]
    assert [limits.take("item_get", "z") for _ in range(2)] == [61.0, 61.0]


def test_a_redis_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    now, port = [0.0], free_port()
    limits = Limits({"item_get": Limit(None, 30)}, f"redis://127.0.0.1:{port}/0", clock=lambda: now[0])
    assert [limits.take("item_get", None) == 0 for _ in range(4)] == [True, True, True, False]

    server = local_valkey.start(tmp_path / "valkey", port=port)
    try:
        assert limits.take("item_get", None) > 0
        now[0] = 6.0
        assert {limits.take("item_get", None) for _ in range(30)} == {0.0}
        assert limits.take("item_get", None) > 0
    finally:
        server.stop()


def test_the_doors_keep_the_published_limits(linked: Linked, deps_for: DepsFor, bank: Bank, valkey: str) -> None:
    bank.at(None, page())
    settings = dataclasses.replace(
        deps_for.settings, plaid_url=bank.url, plaid_client_id="c", plaid_secret="s", redis_url=valkey, plaid_limits=""
    )
    plaid = _plaid(settings)

    for _ in range(50):
        plaid.transactions_sync(TOKEN, None)
    with pytest.raises(PlaidPaced) as paced:
        plaid.transactions_sync(TOKEN, None)

    assert len(bank.calls) == 50
    assert 0 < paced.value.seconds <= 61
