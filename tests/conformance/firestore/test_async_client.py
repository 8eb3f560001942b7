"""google-cloud-firestore's asynchronous client, and firebase-admin, on the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import firebase_admin
import pytest
from firebase_admin import credentials
from firebase_admin import firestore as admin_firestore
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from tests.conformance.firestore.conftest import Service


def _run(service: Service, monkeypatch: pytest.MonkeyPatch, story: Any) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", service.address)

    async def tell() -> None:
        client = firestore.AsyncClient(project=service.project)
        await story(client)
        closing: Coroutine[Any, Any, None] = client._firestore_api.transport.close()
        await closing

    # In a thread: where a browser was started before, this one has a running loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, asyncio.wait_for(tell(), 60)).result()


def test_it_writes_reads_and_queries(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(client: firestore.AsyncClient) -> None:
        await asyncio.gather(*(client.document(f"c/d{n}").set({"n": n}) for n in range(20)))
        query = client.collection("c").where(filter=FieldFilter("n", ">=", 17)).order_by("n")
        assert [document.id async for document in query.stream()] == ["d17", "d18", "d19"]
        assert [result[0].value for result in await query.count(alias="n").get()] == [3]
        with pytest.raises(exceptions.AlreadyExists):
            await client.document("c/d1").create({})
        found = [document.id async for document in client.get_all([client.document("c/d1"), client.document("c/x")])]
        assert sorted(found) == ["d1", "x"]

    _run(service, monkeypatch, story)


@pytest.mark.ours_only("the emulator lets each wait for its lock for seconds, which takes longer than this test")
def test_concurrent_transactions_lose_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(client: firestore.AsyncClient) -> None:
        reference = client.document("c/counter")
        await reference.set({"n": 0})

        @firestore.async_transactional
        async def increment(transaction: Any) -> None:
            seen = await reference.get(transaction=transaction)
            transaction.update(reference, {"n": seen.get("n") + 1})

        async def work() -> None:
            for _ in range(4):
                await increment(client.transaction(max_attempts=50))

        await asyncio.gather(*(work() for _ in range(4)))
        assert (await reference.get()).to_dict() == {"n": 16}

    _run(service, monkeypatch, story)


class _Nobody(credentials.Base):
    """firebase-admin wants a credential, even for an emulator."""

    def get_credential(self) -> Any:
        return AnonymousCredentials()


def test_firebase_admin_gets_a_client_that_works(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", service.address)
    app = firebase_admin.initialize_app(_Nobody(), {"projectId": service.project}, name=service.project)
    try:
        client = admin_firestore.client(app)
        client.document("c/a").set({"at": admin_firestore.SERVER_TIMESTAMP, "n": admin_firestore.Increment(3)})
        assert client.document("c/a").get().get("n") == 3
    finally:
        firebase_admin.delete_app(app)
