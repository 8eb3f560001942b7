"""A Firestore client that calls as whoever it is told to: raw gRPC with its own `authorization`.

The vendor's client always calls an emulator as the owner, whom no rule stops, so it can prove nothing about rules.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import grpc
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.types import common, document, firestore, query, write

OPERATORS = {
    "==": "EQUAL", "!=": "NOT_EQUAL", "<": "LESS_THAN", "<=": "LESS_THAN_OR_EQUAL", ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL", "in": "IN", "not-in": "NOT_IN", "array-contains": "ARRAY_CONTAINS",
    "array-contains-any": "ARRAY_CONTAINS_ANY",
}  # fmt: skip
Clause = tuple[str, str, object]


def bearer(claims: dict[str, object]) -> str:
    """The header of an unsigned ID token with these claims."""

    def part(content: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"Bearer {part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


class Wire:
    """Calls as one person; each call answers "ALLOW" or "DENY", and raises on any other outcome."""

    def __init__(self, channel: grpc.Channel, project: str, authorization: str | None) -> None:
        self._channel = channel
        self._database = f"projects/{project}/databases/(default)"
        self._metadata = [("google-cloud-resource-prefix", self._database)]
        if authorization:
            self._metadata.append(("authorization", authorization))
        self.detail = ""

    def get(self, path: str) -> str:
        request = firestore.BatchGetDocumentsRequest(database=self._database, documents=[self._name(path)])
        return self._stream("BatchGetDocuments", request, firestore.BatchGetDocumentsResponse)

    def list(
        self,
        collection: str,
        *,
        limit: int | None = None,
        offset: int = 0,
        where: tuple[Clause, ...] = (),
        order: tuple[tuple[str, str], ...] = (),
        group: bool = False,
    ) -> str:
        parent, structured = self._query(collection, limit, offset, where=where, order=order, group=group)
        request = firestore.RunQueryRequest(parent=parent, structured_query=structured)
        return self._stream("RunQuery", request, firestore.RunQueryResponse)

    def count(self, collection: str) -> str:
        parent, structured = self._query(collection, None, 0)
        counting = query.StructuredAggregationQuery(
            structured_query=structured,
            aggregations=[query.StructuredAggregationQuery.Aggregation(count={}, alias="n")],
        )
        request = firestore.RunAggregationQueryRequest(parent=parent, structured_aggregation_query=counting)
        return self._stream("RunAggregationQuery", request, firestore.RunAggregationQueryResponse)

    def create(self, path: str, fields: dict[str, object]) -> str:
        return self._commit(self._set(path, fields, exists=False))

    def leave(self, path: str, fields: dict[str, object], stamped: str) -> str:
        """Creates a document whose field `stamped` is the server's own time, as serverTimestamp() has it."""
        content = {name: value for name, value in fields.items() if name != stamped}
        one = self._set(path, content, exists=False)
        clock = write.DocumentTransform.FieldTransform.ServerValue.REQUEST_TIME
        transform = write.DocumentTransform.FieldTransform(field_path=stamped, set_to_server_value=clock)
        one.update_transforms = [transform]
        return self._commit(one)

    def set(self, path: str, fields: dict[str, object]) -> str:
        return self._commit(self._set(path, fields, exists=None))

    def update(self, path: str, fields: dict[str, object]) -> str:
        return self._commit(self._set(path, fields, exists=True))

    def delete(self, path: str) -> str:
        return self._commit(write.Write(delete=self._name(path)))

    def _set(self, path: str, fields: dict[str, object], *, exists: bool | None) -> write.Write:
        content = document.Document(name=self._name(path), fields=_helpers.encode_dict(fields))
        return write.Write(
            update=content, current_document=None if exists is None else common.Precondition(exists=exists)
        )

    def _commit(self, one: write.Write) -> str:
        request = firestore.CommitRequest(database=self._database, writes=[one])
        return self._answer(
            lambda: self._channel.unary_unary(
                "/google.firestore.v1.Firestore/Commit",
                request_serializer=firestore.CommitRequest.serialize,
                response_deserializer=firestore.CommitResponse.deserialize,
            )(request, metadata=self._metadata, timeout=20)
        )

    def _stream(self, method: str, request: Any, response: Any) -> str:
        call = self._channel.unary_stream(
            f"/google.firestore.v1.Firestore/{method}",
            request_serializer=type(request).serialize,
            response_deserializer=response.deserialize,
        )
        return self._answer(lambda: list(call(request, metadata=self._metadata, timeout=20)))

    def _answer(self, call: Any) -> str:
        self.detail = ""
        try:
            call()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
                raise
            self.detail = error.details() or ""
            return "DENY"
        return "ALLOW"

    def _query(
        self,
        collection: str,
        limit: int | None,
        offset: int,
        *,
        where: tuple[Clause, ...] = (),
        order: tuple[tuple[str, str], ...] = (),
        group: bool = False,
    ) -> tuple[str, query.StructuredQuery]:
        parent, _, name = collection.rpartition("/")
        structured = query.StructuredQuery(
            from_=[query.StructuredQuery.CollectionSelector(collection_id=name, all_descendants=group)],
            order_by=[
                query.StructuredQuery.Order(field={"field_path": field}, direction=f"{way}ENDING")
                for field, way in order
            ],
            offset=offset,
            limit=None if limit is None else {"value": limit},
            where=_filter(where) if where else None,
        )
        return f"{self._database}/documents" + (f"/{parent}" if parent else ""), structured

    def _name(self, path: str) -> str:
        return f"{self._database}/documents/{path}"


def _filter(where: tuple[Clause, ...]) -> query.StructuredQuery.Filter:
    filters = [
        query.StructuredQuery.Filter(
            field_filter=query.StructuredQuery.FieldFilter(
                field={"field_path": field}, op=OPERATORS[operator], value=_helpers.encode_value(value)
            )
        )
        for field, operator, value in where
    ]
    if len(filters) == 1:
        return filters[0]
    return query.StructuredQuery.Filter(composite_filter={"op": "AND", "filters": filters})
