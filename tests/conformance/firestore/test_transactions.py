"""Transactions: all reads of one moment, and no lost update."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter


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
