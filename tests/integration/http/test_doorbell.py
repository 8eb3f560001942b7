"""The doorbell: heard when Redis is there, harmless when it is not."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs

from api.doorbell import Doorbell


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_ring_puts_the_task_on_the_broker(valkey: str):
    doorbell = Doorbell(valkey)
    doorbell.ring("pull_item", {"item_id": "7"})
    doorbell.close()

    with redis.Redis.from_url(valkey) as client:
        (message,) = client.lrange("celery", 0, -1)
    assert json.loads(message)["headers"]["task"] == "pull_item"
    assert json.loads(message)["headers"]["kwargsrepr"] == "{'item_id': '7'}"


def test_a_ring_at_a_closed_door_fails_nothing_and_is_tried_once():
    doorbell = Doorbell("redis://127.0.0.1:9/0")

    with capture_logs() as lines:
        doorbell.ring("pull_item", {"item_id": "7"})
        doorbell.ring("pull_item", {"item_id": "7"})

    assert [line["event"] for line in lines] == ["doorbell_lost"]


def test_a_broker_that_never_answers_is_waited_for_once_and_then_left_alone(deaf: socket.socket):
    doorbell = Doorbell(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")

    with capture_logs() as lines:
        doorbell.ring("pull_item", {"item_id": "7"})
        tried = callers(deaf)
        doorbell.ring("pull_item", {"item_id": "7"})

    assert [line["event"] for line in lines] == ["doorbell_lost"]
    assert 0 < tried <= 4
    assert callers(deaf) == 0


def callers(listener: socket.socket) -> int:
    """How many have connected since the last time it was asked."""
    found = 0
    listener.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            found += 1
    return found
