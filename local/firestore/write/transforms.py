"""Field transforms: server time, increment, maximum, minimum, array union and removal.

They run after the field update of the same write, in order, and see what the ones before them left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from local.firestore import fields as field_paths
from local.firestore import pb
from local.firestore.clock import stamp
from local.firestore.errors import invalid
from local.firestore.values import check_elements, equal, order_key

_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1
_NUMBERS = {"integer_value", "double_value"}


def check(transform: pb.FieldTransform) -> None:
    """Raises INVALID_ARGUMENT for a transform that makes no sense on any document."""
    kind = transform.WhichOneof("transform_type")
    if kind not in _TRANSFORMS:
        raise invalid(f'The transform of "{transform.field_path}" has no known kind.')
    if kind == "set_to_server_value" and transform.set_to_server_value != 1:
        raise invalid("The only server value is REQUEST_TIME.")
    if kind in {"increment", "maximum", "minimum"}:
        _check_number(getattr(transform, kind))
    check_elements([*transform.append_missing_elements.values, *transform.remove_all_from_array.values])


def apply(transform: pb.FieldTransform, content: Any, request_time: int) -> pb.Value:
    """Changes one field of a field map, by a checked transform, and gives the value that the client is told."""
    path = field_paths.parse(transform.field_path)
    kind = transform.WhichOneof("transform_type")
    value, answer = _TRANSFORMS[kind](field_paths.get(content, path), transform, request_time)
    field_paths.put(content, path, value)
    return answer


def _server_value(_old: pb.Value | None, _transform: pb.FieldTransform, request_time: int) -> tuple[Any, Any]:
    value = pb.Value()
    stamp(value.timestamp_value, request_time)
    return value, value


def _increment(old: pb.Value | None, transform: pb.FieldTransform, _time: int) -> tuple[Any, Any]:
    operand = transform.increment
    if old is None or old.WhichOneof("value_type") not in _NUMBERS:
        return operand, operand
    value = pb.Value()
    if old.WhichOneof("value_type") == operand.WhichOneof("value_type") == "integer_value":
        value.integer_value = min(max(old.integer_value + operand.integer_value, _MIN_INTEGER), _MAX_INTEGER)
    else:
        value.double_value = float(_number(old)) + float(_number(operand))
    return value, value


def _extreme(operand_name: str, replaces: Callable[[Any, Any], bool]) -> Callable[..., tuple[Any, Any]]:
    def transform_one(old: pb.Value | None, transform: pb.FieldTransform, _time: int) -> tuple[Any, Any]:
        operand = getattr(transform, operand_name)
        if old is None or old.WhichOneof("value_type") not in _NUMBERS:
            return operand, operand
        keeps = _is_nan(old) or not (_is_nan(operand) or replaces(_number(operand), _number(old)))
        value = pb.Value()
        value.CopyFrom(old if keeps else operand)  # the old one lives in the document: a later transform changes it
        return value, value

    return transform_one


def _append_missing(old: pb.Value | None, transform: pb.FieldTransform, _time: int) -> tuple[Any, Any]:
    value = _array(old)
    kept = value.array_value.values
    seen = {order_key(element) for element in kept}
    for element in transform.append_missing_elements.values:
        if (key := order_key(element)) not in seen:
            seen.add(key)
            kept.append(element)
    return value, _null()


def _remove_all(old: pb.Value | None, transform: pb.FieldTransform, _time: int) -> tuple[Any, Any]:
    gone = transform.remove_all_from_array.values
    value = _array(None)
    if old is not None and old.WhichOneof("value_type") == "array_value":
        elements = old.array_value.values
        value.array_value.values.extend(e for e in elements if not any(equal(e, other) for other in gone))
    return value, _null()


_TRANSFORMS: dict[str | None, Callable[..., tuple[Any, Any]]] = {
    "set_to_server_value": _server_value,
    "increment": _increment,
    "maximum": _extreme("maximum", lambda new, old: new > old),
    "minimum": _extreme("minimum", lambda new, old: new < old),
    "append_missing_elements": _append_missing,
    "remove_all_from_array": _remove_all,
}


def _check_number(value: pb.Value) -> None:
    if value.WhichOneof("value_type") not in _NUMBERS:
        raise invalid("The operand of a numeric transform must be a number.")


def _number(value: pb.Value) -> float | int:
    kind = value.WhichOneof("value_type")
    number: float | int = value.integer_value if kind == "integer_value" else value.double_value
    return number


def _is_nan(value: pb.Value) -> bool:
    return value.WhichOneof("value_type") == "double_value" and math.isnan(value.double_value)


def _array(old: pb.Value | None) -> pb.Value:
    value = pb.Value()
    value.array_value.SetInParent()
    if old is not None and old.WhichOneof("value_type") == "array_value":
        value.CopyFrom(old)
    return value


def _null() -> pb.Value:
    return pb.Value(null_value=0)
