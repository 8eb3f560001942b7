"""Transactions: all reads of one moment, and no lost update."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter


@pytest.mark.ours_only("waiting for locks takes the emulator minutes")
def test_counters_lose_no_increment_under_contention(client: Any) -> None:
    reference = client.document("c/counter")
    reference.set({"n": 0})

    @firestore.transactional
    def increment(transaction: Any) -> None:
        seen = reference.get(transaction=transaction).get("n")
        transaction.update(reference, {"n": seen + 1})

    def work() -> None:
        for _ in range(5):
            increment(client.transaction(max_attempts=100))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert reference.get().to_dict() == {"n": 20}


def test_a_failing_transaction_leaves_nothing(client: Any) -> None:
    @firestore.transactional
    def fail(transaction: Any) -> None:
        transaction.set(client.document("c/a"), {"n": 1})
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        fail(client.transaction())
    assert not client.document("c/a").get().exists


def test_a_read_only_transaction_sees_one_moment(client: Any) -> None:
    reference = client.document("c/a")
    reference.set({"n": 1})
    transaction = client.transaction(read_only=True)
    transaction._begin()
    first = reference.get(transaction=transaction).to_dict()
    reference.set({"n": 2})
    assert reference.get(transaction=transaction).to_dict() == first == {"n": 1}
    transaction._commit()
    assert reference.get().to_dict() == {"n": 2}


def test_an_ended_transaction_cannot_be_used(client: Any) -> None:
    transaction = client.transaction()
    transaction._begin()
    transaction_id = transaction.id
    transaction._rollback()
    with pytest.raises(exceptions.InvalidArgument):
        client._firestore_api.commit(
            request={"database": client._database_string, "writes": [], "transaction": transaction_id}
        )


def test_a_query_in_a_transaction_works_on_what_it_found(client: Any) -> None:
    collection = client.collection("c")
    for number in range(3):
        collection.document(f"d{number}").set({"n": number})

    @firestore.transactional
    def raise_all(transaction: Any) -> int:
        found = list(collection.where(filter=FieldFilter("n", ">", 0)).stream(transaction=transaction))
        for document in found:
            transaction.update(document.reference, {"n": document.get("n") + 10})
        return len(found)

    assert raise_all(client.transaction()) == 2
    assert [document.to_dict()["n"] for document in collection.stream()] == [0, 11, 12]


class Writer:
    """Somebody else, who writes at the same time."""

    def __init__(self, write: Callable[[], Any]) -> None:
        self._done = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(write,), daemon=True)
        self._thread.start()

    def waits(self) -> bool:
        """Whether the write is still on its way after it had time enough."""
        return not self._done.wait(0.3)

    def outcome(self) -> Exception | None:
        self._thread.join(60)
        return self._error

    def _run(self, write: Callable[[], Any]) -> None:
        try:
            write()
        except Exception as error:
            self._error = error
        self._done.set()


def _begin(client: Any, *documents: str) -> Any:
    """A transaction that has read these documents."""
    transaction = client.transaction()
    transaction._begin()
    for path in documents:
        client.document(path).get(transaction=transaction)
    return transaction


@pytest.mark.parametrize("exists", [True, False])
def test_what_a_transaction_has_read_is_written_by_nobody_until_it_ends(client: Any, exists: bool) -> None:
    reference = client.document("c/a")
    if exists:
        reference.set({"n": 1})
    transaction = _begin(client, "c/a")
    writer = Writer(lambda: reference.set({"n": 5}))
    assert writer.waits()
    transaction.set(client.document("c/seen"), {"there": exists})
    transaction._commit()
    assert writer.outcome() is None
    assert reference.get().to_dict() == {"n": 5}
    assert client.document("c/seen").get().update_time < reference.get().update_time


def test_a_rollback_lets_the_waiting_writer_through(client: Any) -> None:
    transaction = _begin(client, "c/a")
    writer = Writer(lambda: client.document("c/a").create({"n": 1}))
    assert writer.waits()
    transaction._rollback()
    assert writer.outcome() is None


def test_what_a_transaction_has_found_is_written_by_nobody_until_it_ends(client: Any) -> None:
    client.document("c/a").set({"n": 1})
    transaction = client.transaction()
    transaction._begin()
    query = client.collection("c").where(filter=FieldFilter("n", "==", 1))
    assert len(list(query.stream(transaction=transaction))) == 1
    writer = Writer(lambda: client.document("c/a").delete())
    assert writer.waits()
    transaction._rollback()
    assert writer.outcome() is None


def test_readers_share_and_a_plain_read_waits_for_nobody(client: Any) -> None:
    client.document("c/a").set({"n": 1})
    first, second = _begin(client, "c/a"), _begin(client, "c/a")
    assert client.document("c/a").get().to_dict() == {"n": 1}
    for transaction in (first, second):
        transaction._commit()


def test_of_two_that_wait_for_each_other_one_is_aborted(client: Any) -> None:
    for name in "ab":
        client.document(f"c/{name}").set({"by": "nobody"})
    first, second = _begin(client, "c/a"), _begin(client, "c/b")
    first.set(client.document("c/b"), {"by": "first"})
    second.set(client.document("c/a"), {"by": "second"})
    writers = [Writer(first._commit), Writer(second._commit)]
    failed = [writer.outcome() for writer in writers]
    assert [type(error) for error in failed if error] == [exceptions.Aborted]
    written = {name: client.document(f"c/{name}").get().get("by") for name in "ab"}
    assert written == ({"a": "nobody", "b": "first"} if failed[1] else {"a": "second", "b": "nobody"})


def test_what_a_query_of_a_transaction_would_newly_find_is_written_by_nobody_until_it_ends(client: Any) -> None:
    transaction = client.transaction()
    transaction._begin()
    assert not list(client.collection("c").where(filter=FieldFilter("n", ">", 0)).stream(transaction=transaction))
    writer = Writer(lambda: client.document("c/new").set({"n": 1}))
    assert writer.waits()
    client.document("e/other").set({"n": 1})
    transaction.set(client.document("d/none"), {"found": 0})
    transaction._commit()
    assert writer.outcome() is None
    assert client.document("d/none").get().update_time < client.document("c/new").get().update_time
