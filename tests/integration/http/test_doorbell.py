"""The doorbell: heard when Redis is there, harmless when it is not."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
import redis

from api.doorbell import CONNECT_SECONDS, Doorbell


@pytest.fixture
def deaf_address() -> Iterator[str]:
    """An address that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def test_a_ring_puts_the_task_on_the_broker(valkey: str):
    doorbell = Doorbell(valkey)
    doorbell.ring("pull_item", {"item_id": "7"})
    doorbell.close()

    with redis.Redis.from_url(valkey) as client:
        (message,) = client.lrange("celery", 0, -1)
    assert json.loads(message)["headers"]["task"] == "pull_item"
    assert json.loads(message)["headers"]["kwargsrepr"] == "{'item_id': '7'}"


def test_a_ring_at_a_closed_door_neither_fails_nor_waits():
    doorbell = Doorbell("redis://127.0.0.1:9/0")
    started = time.monotonic()
    doorbell.ring("pull_item", {"item_id": "7"})

    assert time.monotonic() - started < 2


def test_a_broker_that_never_answers_is_waited_for_once_and_then_left_alone(deaf_address: str):
    doorbell = Doorbell(deaf_address)
    started = time.monotonic()
    doorbell.ring("pull_item", {"item_id": "7"})
    first = time.monotonic() - started
    doorbell.ring("pull_item", {"item_id": "7"})

    assert first < 4 * CONNECT_SECONDS + 1
    assert time.monotonic() - started - first < 0.05
