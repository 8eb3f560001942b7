"""Commit, BatchWrite, CreateDocument, UpdateDocument, DeleteDocument, BeginTransaction, Rollback."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from local.firestore import names, pb
from local.firestore.clock import stamp
from local.firestore.errors import FirestoreError, invalid
from local.firestore.faults import suffer
from local.firestore.rpc.call import Call, Site, masked
from local.firestore.write.intent import Intent, read_intent, read_intents

MAX_REQUEST_BYTES = 10 * 1024 * 1024


async def commit(call: Call, request: Any) -> Any:
    """All writes or none, as one step."""
    check_size(request)
    site = call.within(request.database)
    results, time = await apply(site, request.writes, request.transaction)
    answer = pb.rpc_message("CommitResponse")(write_results=results)
    stamp(answer.commit_time, time)
    return answer


async def batch_write(call: Call, request: Any) -> Any:
    """Each write on its own, in order; every one gets a status. Admin only."""
    check_size(request)
    site = call.within(request.database)
    intents = [read_intent(site.database.name, write) for write in request.writes]
    if len({intent.path for intent in intents}) < len(intents):
        raise invalid("Cannot write to the same document multiple times in a single request.")
    for intent in intents:
        intent.check()
    site.gate.admin_only()
    answer = pb.rpc_message("BatchWriteResponse")()
    for intent in intents:
        result, status = answer.write_results.add(), answer.status.add()
        try:
            results, _ = await _commit(site, [intent])
            result.CopyFrom(results[0])
        except FirestoreError as refusal:
            status.code, status.message = refusal.code.number, refusal.message
    return answer


async def create_document(call: Call, request: Any) -> Any:
    """A new document; ALREADY_EXISTS where there is one, a random id where none is given."""
    check_size(request)
    if request.document.name:
        raise invalid("document.name must not be set")
    site = call.within(request.parent)
    parent = names.parent_path(site.database.name, request.parent)
    collection = names.collection_path(parent, request.collection_id)
    path = f"{collection}/{request.document_id or names.new_id()}"
    write = pb.Write(update=request.document, current_document=pb.Precondition(exists=False))
    write.update.name = f"{site.database.root}/{path}"
    await apply(site, [write])
    return _stored(site, write.update.name, request)


async def update_document(call: Call, request: Any) -> Any:
    """Sets a document or the masked part of it; creates it unless a precondition forbids."""
    check_size(request)
    site = call.within(request.document.name)
    write = pb.Write(update=request.document)
    for part, name in (("update_mask", "update_mask"), ("current_document", "current_document")):
        if request.HasField(name):
            getattr(write, part).CopyFrom(getattr(request, name))
    await apply(site, [write])
    return _stored(site, request.document.name, request)


async def delete_document(call: Call, request: Any) -> Any:
    """Deletes a document; deleting a missing one is no error."""
    from google.protobuf.empty_pb2 import Empty

    write = pb.Write(delete=request.name)
    if request.HasField("current_document"):
        write.current_document.CopyFrom(request.current_document)
    await apply(call.within(request.name), [write])
    return Empty()


async def begin_transaction(call: Call, request: Any) -> Any:
    """A transaction id to read and commit with."""
    site = call.within(request.database)
    transaction = site.transactions.begin(request.options)
    return pb.rpc_message("BeginTransactionResponse")(transaction=transaction.id)


async def rollback(call: Call, request: Any) -> Any:
    """Forgets a transaction; one that has ended is no error, one that never was is."""
    from google.protobuf.empty_pb2 import Empty

    site = call.within(request.database)
    if not site.transactions.known(request.transaction):
        raise invalid("Invalid transaction.")
    site.transactions.end(request.transaction)
    return Empty()


async def apply(site: Site, writes: Iterable[pb.Write], transaction: bytes = b"") -> tuple[list[Any], int]:
    """Commits writes, inside a transaction if one is named; answers their results and the commit time."""
    intents = read_intents(site.database.name, writes)
    return await _commit(site, intents, transaction)


async def _commit(site: Site, intents: Sequence[Intent], transaction: bytes = b"") -> tuple[list[Any], int]:
    fault = site.engine.faults.next_commit()
    if fault is not None and not fault.apply:
        await suffer(fault)
    done = await _locked(site, intents, transaction)
    if fault is not None and fault.apply:
        await suffer(fault)
    return done


async def _locked(site: Site, intents: Sequence[Intent], transaction: bytes) -> tuple[list[Any], int]:
    """Commits when nobody else holds what is written; between the last lock and the commit nothing else happens."""
    transactions, permit = site.transactions, site.gate.permit()
    if not transaction:
        async with transactions.writing(intents):
            return site.database.commit(intents, permit)
    found = transactions.find(transaction)
    if not found.read_only:
        await transactions.lock_written(found, intents)
    transactions.claim(transaction, len(intents))
    return site.database.commit(intents, permit)


def check_size(request: Any) -> None:
    """Raises INVALID_ARGUMENT for a request beyond the service's limit."""
    if request.ByteSize() > MAX_REQUEST_BYTES:
        raise too_large()


def too_large() -> FirestoreError:
    """The refusal of a request beyond the service's limit."""
    return invalid(f"Request payload size exceeds the limit: {MAX_REQUEST_BYTES} bytes.")


def _stored(site: Site, name: str, request: Any) -> pb.Document:
    record = site.database.store.get(names.document_path(site.database.name, name))
    assert record is not None
    return masked(record.document(site.database.root), request)
