"""Messages as proto3 JSON. Documents, the bulk of the traffic, are written by hand; the rest by protobuf itself."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from google.protobuf import json_format

from local.firestore import pb
from local.firestore.adapters.json_shapes import check_shapes
from local.firestore.errors import FirestoreError, invalid
from local.firestore.write.intent import VERIFY_FIELD

_DOCUMENT_HOLDERS = {"found", "document"}


def read_message(message_class: Any, body: dict[str, Any], *, strict: bool) -> Any:
    """A message from JSON; raises INVALID_ARGUMENT. `strict` refuses unknown names, as the service's REST does."""
    writes = body.get("writes")
    verified = _take_verify(writes) if isinstance(writes, list) else {}
    try:
        check_shapes(message_class.DESCRIPTOR, body)
        message = json_format.ParseDict(body, message_class(), ignore_unknown_fields=not strict)
    except (json_format.ParseError, RecursionError) as problem:
        raise invalid(f"Invalid JSON payload received. {problem}") from problem
    for position, name in verified.items():
        # The published protocol file lacks this field; on the wire it is one string field like any other.
        encoded = name.encode()
        tag = bytes([VERIFY_FIELD << 3 | 2])
        message.writes[position].MergeFromString(tag + _varint(len(encoded)) + encoded)
    return message


def read_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object; raises INVALID_ARGUMENT for anything else."""
    try:
        body = json.loads(text) if text else {}
    except (ValueError, RecursionError) as problem:
        raise invalid(f"Invalid JSON payload received. {problem}") from problem
    if not isinstance(body, dict):
        raise invalid("Invalid JSON payload received. An object is expected.")
    return body


def write_message(message: Any) -> dict[str, Any]:
    """A message as JSON-able Python."""
    if message.DESCRIPTOR.name == "Document":
        return document(message)
    answer: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.name in _DOCUMENT_HOLDERS and field.message_type is not None:
            answer[field.json_name] = document(value)
        elif field.name == "document_change":
            answer[field.json_name] = _document_change(value)
        elif field.name == "documents":
            answer[field.json_name] = [document(each) for each in value]
        else:
            return _mixed(message)
    return answer


def write_error(problem: FirestoreError) -> dict[str, Any]:
    """An error as REST and WebChannel tell it; `status` is what SDKs go by."""
    return {"error": {"code": problem.code.http, "message": problem.message, "status": problem.code.name}}


def document(message: pb.Document) -> dict[str, Any]:
    """A document; as proto3 JSON has it, what is empty is left out."""
    answer: dict[str, Any] = {"name": message.name}
    if message.fields:
        answer["fields"] = _fields(message.fields)
    if message.HasField("create_time"):
        answer["createTime"] = message.create_time.ToJsonString()
    if message.HasField("update_time"):
        answer["updateTime"] = message.update_time.ToJsonString()
    return answer


def _mixed(message: Any) -> dict[str, Any]:
    """Answers that hold a document beside simple fields."""
    slim = type(message)()
    slim.CopyFrom(message)
    held: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.name in _DOCUMENT_HOLDERS and field.message_type is not None:
            held[field.json_name] = document(value)
            slim.ClearField(field.name)
        elif field.name == "documents":
            held[field.json_name] = [document(each) for each in value]
            slim.ClearField(field.name)
    rest: dict[str, Any] = json_format.MessageToDict(slim)
    return {**rest, **held}


def _document_change(change: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"document": document(change.document)}
    if change.target_ids:
        answer["targetIds"] = list(change.target_ids)
    if change.removed_target_ids:
        answer["removedTargetIds"] = list(change.removed_target_ids)
    return answer


def _fields(fields: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in fields.items()}


def _value(value: pb.Value) -> dict[str, Any]:
    kind = value.WhichOneof("value_type")
    if kind == "string_value":
        return {"stringValue": value.string_value}
    if kind == "integer_value":
        return {"integerValue": str(value.integer_value)}
    if kind == "map_value":
        return {"mapValue": {"fields": _fields(value.map_value.fields)} if value.map_value.fields else {}}
    if kind == "array_value":
        held = [_value(each) for each in value.array_value.values]
        return {"arrayValue": {"values": held} if held else {}}
    return _OTHERS[kind](value)


def _double(value: pb.Value) -> dict[str, Any]:
    number = value.double_value
    if math.isfinite(number):
        return {"doubleValue": "-0" if number == 0 and math.copysign(1, number) < 0 else number}
    return {"doubleValue": "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"}


def _point(value: pb.Value) -> dict[str, Any]:
    point = value.geo_point_value
    return {"geoPointValue": {field.name: number for field, number in point.ListFields()}}


_OTHERS = {
    None: lambda _value: {"nullValue": None},
    "null_value": lambda _value: {"nullValue": None},
    "boolean_value": lambda value: {"booleanValue": value.boolean_value},
    "double_value": _double,
    "timestamp_value": lambda value: {"timestampValue": value.timestamp_value.ToJsonString()},
    "bytes_value": lambda value: {"bytesValue": base64.b64encode(value.bytes_value).decode()},
    "reference_value": lambda value: {"referenceValue": value.reference_value},
    "geo_point_value": _point,
}


def _take_verify(writes: list[Any]) -> dict[int, str]:
    """Takes the key `verify` out of JSON writes; protobuf does not know it."""
    found = {}
    for position, write in enumerate(writes):
        name = write.pop("verify", None) if isinstance(write, dict) else None
        if isinstance(name, str):
            found[position] = name
    return found


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
