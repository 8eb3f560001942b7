"""Every method that is served, by name, and the names of those that are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from local.firestore import pb
from local.firestore.rpc import queries, reads, writes
from local.firestore.rpc.call import Call
from local.firestore.rpc.listen_stream import ListenStream
from local.firestore.rpc.write_stream import WriteSession

SERVICE = "google.firestore.v1.Firestore"


@dataclass(frozen=True)
class Method:
    """A method with one request: its messages, what does it, and whether it answers with a stream."""

    request: Any
    function: Callable[[Call, Any], Awaitable[Any]]
    streams: bool = False


@dataclass(frozen=True)
class Stream:
    """A method with requests and answers in both directions."""

    request: Any
    session: type[ListenStream] | type[WriteSession]


def methods() -> dict[str, Method]:
    """The methods with one request."""
    return {
        "GetDocument": Method(pb.rpc_message("GetDocumentRequest"), reads.get_document),
        "ListDocuments": Method(pb.rpc_message("ListDocumentsRequest"), reads.list_documents),
        "BatchGetDocuments": Method(pb.rpc_message("BatchGetDocumentsRequest"), reads.batch_get_documents, True),
        "ListCollectionIds": Method(pb.rpc_message("ListCollectionIdsRequest"), reads.list_collection_ids),
        "CreateDocument": Method(pb.rpc_message("CreateDocumentRequest"), writes.create_document),
        "UpdateDocument": Method(pb.rpc_message("UpdateDocumentRequest"), writes.update_document),
        "DeleteDocument": Method(pb.rpc_message("DeleteDocumentRequest"), writes.delete_document),
        "Commit": Method(pb.rpc_message("CommitRequest"), writes.commit),
        "BatchWrite": Method(pb.rpc_message("BatchWriteRequest"), writes.batch_write),
        "BeginTransaction": Method(pb.rpc_message("BeginTransactionRequest"), writes.begin_transaction),
        "Rollback": Method(pb.rpc_message("RollbackRequest"), writes.rollback),
        "RunQuery": Method(pb.rpc_message("RunQueryRequest"), queries.run_query, True),
        "RunAggregationQuery": Method(
            pb.rpc_message("RunAggregationQueryRequest"), queries.run_aggregation_query, True
        ),
        "PartitionQuery": Method(pb.rpc_message("PartitionQueryRequest"), queries.partition_query),
    }


def streams() -> dict[str, Stream]:
    """The methods with streams in both directions."""
    return {"Listen": Stream(pb.ListenRequest, ListenStream), "Write": Stream(pb.WriteRequest, WriteSession)}


NOT_SERVED = ("ExecutePipeline",)
