"""GetDocument, BatchGetDocuments, ListDocuments, ListCollectionIds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from local.firestore import names, pb
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.query.order import Order
from local.firestore.query.plan import Plan, make_plan
from local.firestore.query.run import in_order
from local.firestore.rpc.call import Call, Moment, Site, masked
from local.firestore.rpc.paging import offset_of, size_of, token_of

_MAX_PAGE = 300


async def get_document(call: Call, request: Any) -> Any:
    """One document; NOT_FOUND where there is none."""
    site = call.within(request.name)
    path = names.document_path(site.database.name, request.name)
    moment = site.view(request)
    site.gate.get(path, moment.reader)
    await moment.hold([path])
    record = moment.reader.get(path)
    if record is None:
        raise FirestoreError(Code.NOT_FOUND, f'Document "{request.name}" not found.')
    return masked(record.document(site.database.root), request)


async def batch_get_documents(call: Call, request: Any) -> list[Any]:
    """Many documents of one moment: those that exist first, then the missing ones."""
    site = call.within(request.database)
    paths = {name: names.document_path(site.database.name, name) for name in request.documents}
    moment = site.view(request)
    site.gate.get_many(paths.values(), moment.reader)
    await moment.hold(paths.values())
    found, missing = [], []
    for name, path in paths.items():
        answer = pb.rpc_message("BatchGetDocumentsResponse")()
        moment.stamp(answer.read_time)
        record = moment.reader.get(path)
        if record is None:
            answer.missing = name
            missing.append(answer)
        else:
            answer.found.CopyFrom(masked(record.document(site.database.root), request))
            found.append(answer)
    return _with_transaction([*found, *missing], moment)


async def list_documents(call: Call, request: Any) -> Any:
    """A page of a collection, by default by name; with show_missing also absent documents that have children."""
    site = call.within(request.parent)
    moment = site.view(request)
    plan = _listing_plan(site, request)
    site.gate.list(replace(plan, limit=request.page_size or None), moment.reader)  # to the rules a page is a limit
    if request.show_missing:
        site.gate.admin_only()
    await moment.remember(plan)
    documents = _listed(site, moment, plan, request)
    size = min(size_of(request.page_size) or _MAX_PAGE, _MAX_PAGE)
    start = offset_of(request.page_token)
    answer = pb.rpc_message("ListDocumentsResponse")()
    for document in documents[start : start + size]:
        answer.documents.append(masked(document, request) if document.HasField("create_time") else document)
    if len(documents) > start + size:
        answer.next_page_token = token_of(start + size)
    return answer


async def list_collection_ids(call: Call, request: Any) -> Any:
    """The collections right below a document or the root; admin only."""
    site = call.within(request.parent)
    site.gate.admin_only()
    ids = site.view(request).reader.collection_ids(names.parent_path(site.database.name, request.parent))
    start = offset_of(request.page_token)
    size = size_of(request.page_size)
    stop = None if size is None else start + size
    answer = pb.rpc_message("ListCollectionIdsResponse")(collection_ids=ids[start:stop])
    if stop is not None and len(ids) > stop:
        answer.next_page_token = token_of(stop)
    return answer


def _listing_plan(site: Site, request: Any) -> Plan:
    query = pb.StructuredQuery()
    selector = query.from_.add()
    selector.collection_id = request.collection_id
    for part in filter(None, (text.strip() for text in request.order_by.split(","))):
        path, _, direction = part.partition(" ")
        if direction.strip().lower() not in {"", "asc", "desc"}:
            raise invalid(f'Invalid order_by "{request.order_by}".')
        query.order_by.add(direction=2 if direction.strip().lower() == "desc" else 1).field.field_path = path
    return make_plan(site.database.name, request.parent, query)


def _listed(site: Site, moment: Moment, plan: Plan, request: Any) -> list[Any]:
    found = in_order(plan, moment.reader)
    documents = [one.record.document(site.database.root) for one in found]
    if not request.show_missing:
        return documents
    if plan.explicit_orders or plan.scope.collection is None:
        raise invalid("show_missing cannot be combined with order_by and needs a collection.")
    root = site.database.root
    documents += [pb.Document(name=f"{root}/{path}") for path in _missing(moment, plan)]
    return sorted(documents, key=lambda document: names.path_key(document.name[len(root) + 1 :]))


def _missing(moment: Moment, plan: Plan) -> set[str]:
    assert plan.orders[0] == Order(("__name__",), False)
    assert plan.scope.collection is not None
    return moment.reader.missing_parents(plan.scope.collection)


def _with_transaction(answers: list[Any], moment: Moment) -> list[Any]:
    if moment.begun:
        first = pb.rpc_message("BatchGetDocumentsResponse")(transaction=moment.new_transaction_id)
        return [first, *answers]
    return answers
