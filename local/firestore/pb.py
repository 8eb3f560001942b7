"""The raw protobuf classes of google.firestore.v1, by their own names.

The published client wraps every message (proto-plus), which costs more than the database itself; the raw classes
behind the wrappers parse and serialise in C. This is the only file that knows where they come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    Value: TypeAlias = Any
    MapValue: TypeAlias = Any
    Document: TypeAlias = Any
    DocumentMask: TypeAlias = Any
    Write: TypeAlias = Any
    WriteResult: TypeAlias = Any
    Precondition: TypeAlias = Any
    FieldTransform: TypeAlias = Any
    TransactionOptions: TypeAlias = Any
    StructuredQuery: TypeAlias = Any
    FieldFilter: TypeAlias = Any
    UnaryFilter: TypeAlias = Any
    CompositeFilter: TypeAlias = Any
    Filter: TypeAlias = Any
    Cursor: TypeAlias = Any
    Aggregation: TypeAlias = Any
    Target: TypeAlias = Any
    TargetChange: TypeAlias = Any
    ListenRequest: TypeAlias = Any
    ListenResponse: TypeAlias = Any
    WriteRequest: TypeAlias = Any
    WriteResponse: TypeAlias = Any
else:
    from google.cloud.firestore_v1.types import common as _common
    from google.cloud.firestore_v1.types import document as _document
    from google.cloud.firestore_v1.types import firestore as _firestore
    from google.cloud.firestore_v1.types import query as _query
    from google.cloud.firestore_v1.types import write as _write

    Value = _document.Value.pb()
    MapValue = _document.MapValue.pb()
    Document = _document.Document.pb()
    DocumentMask = _common.DocumentMask.pb()
    Write = _write.Write.pb()
    WriteResult = _write.WriteResult.pb()
    Precondition = _common.Precondition.pb()
    FieldTransform = _write.DocumentTransform.FieldTransform.pb()
    TransactionOptions = _common.TransactionOptions.pb()
    StructuredQuery = _query.StructuredQuery.pb()
    FieldFilter = _query.StructuredQuery.FieldFilter.pb()
    UnaryFilter = _query.StructuredQuery.UnaryFilter.pb()
    CompositeFilter = _query.StructuredQuery.CompositeFilter.pb()
    Filter = _query.StructuredQuery.Filter.pb()
    Cursor = _query.Cursor.pb()
    Aggregation = _query.StructuredAggregationQuery.Aggregation.pb()
    Target = _firestore.Target.pb()
    TargetChange = _firestore.TargetChange.pb()
    ListenRequest = _firestore.ListenRequest.pb()
    ListenResponse = _firestore.ListenResponse.pb()
    WriteRequest = _firestore.WriteRequest.pb()
    WriteResponse = _firestore.WriteResponse.pb()


def rpc_message(name: str) -> Any:
    """The raw class of a request or response of the service, by its name in firestore.proto."""
    from google.cloud.firestore_v1.types import firestore

    return getattr(firestore, name).pb()
