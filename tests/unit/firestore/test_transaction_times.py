"""How long a transaction lives, by a clock that the test turns: a minute idle, 270 seconds in all."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.firestore import pb
from local.firestore.errors import Code, FirestoreError
from local.firestore.transactions import Transactions
from tests.unit.firestore.world import new_database


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _begun(clock: Clock) -> tuple[Transactions, bytes]:
    transactions = Transactions(new_database(), clock)
    return transactions, transactions.begin(pb.TransactionOptions()).id


def _gone(transactions: Transactions, transaction: bytes) -> bool:
    try:
        transactions.find(transaction)
    except FirestoreError as refusal:
        return refusal.code is Code.INVALID_ARGUMENT
    return False


@pytest.mark.parametrize(("idle", "gone"), [(60, False), (60.5, True)])
def test_an_idle_transaction_ends_after_a_minute(idle: float, gone: bool) -> None:
    clock = Clock()
    transactions, begun = _begun(clock)
    clock.now += idle
    assert _gone(transactions, begun) == gone


@pytest.mark.parametrize(("age", "gone"), [(270, False), (270.5, True)])
def test_a_busy_transaction_ends_after_270_seconds(age: float, gone: bool) -> None:
    clock = Clock()
    transactions, begun = _begun(clock)
    end = clock.now + age
    while clock.now + 50 < end:
        clock.now += 50
        assert not _gone(transactions, begun)
    clock.now = end
    assert _gone(transactions, begun) == gone


def test_what_an_expired_transaction_held_is_free() -> None:
    clock = Clock()
    transactions, begun = _begun(clock)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, transactions.lock_read(transactions.find(begun), ["c/a"])).result()
    assert not transactions.locks.idle
    clock.now += 61
    transactions.forget_expired()
    assert transactions.locks.idle


def test_an_ended_transaction_is_known_and_a_made_up_one_is_not() -> None:
    transactions, begun = _begun(Clock())
    transactions.end(begun)
    assert transactions.known(begun)
    assert not transactions.known(b"made up")
    assert _gone(transactions, begun)
