"""Random writes of every kind: whole and masked updates, transforms new and old, deletes, verifies, preconditions."""

from __future__ import annotations

from random import Random
from typing import Any

from local.firestore import pb
from tests.differential.firestore import values
from tests.differential.firestore.program import DATABASE, KNOWN_TIME, ROOT, STALE_TIME, Step


def writing(rng: Random, collection: str | None = None) -> Step:
    """A call that writes."""
    kinds = [_commit] * 8 + [_batch, _create, _update, _delete]
    return rng.choice(kinds)(rng, collection)


def write(rng: Random, collection: str | None = None) -> Any:
    """One write of a commit."""
    message = rng.choices([_set, _masked, _transforms, _legacy, _gone], [5, 4, 2, 1, 3])[0](rng, collection)
    _condition(rng, message.current_document)
    return message


def commit_of(*writes: Any, transaction: bytes = b"", user: str = "owner") -> Step:
    request = pb.rpc_message("CommitRequest")(database=DATABASE, transaction=transaction)
    request.writes.extend(writes)
    return Step("Commit", request, user)


def _commit(rng: Random, collection: str | None) -> Step:
    return commit_of(*(write(rng, collection) for _ in range(rng.choice([1, 1, 1, 2, 3, 5]))))


def _batch(rng: Random, collection: str | None) -> Step:
    request = pb.rpc_message("BatchWriteRequest")(database=DATABASE)
    request.writes.extend(write(rng, collection) for _ in range(rng.randint(1, 3)))
    return Step("BatchWrite", request)


def _create(rng: Random, collection: str | None) -> Step:
    where = collection or rng.choice(values.COLLECTIONS)
    parent, _, last = where.rpartition("/")
    request = pb.rpc_message("CreateDocumentRequest")(parent=f"{ROOT}/{parent}" if parent else ROOT, collection_id=last)
    request.document_id = (
        rng.choice([*values.IDS, "..", "a/b", "__bad__"]) if rng.random() < 0.2 else rng.choice(values.IDS)
    )
    values.fill(rng, request.document.fields)
    return Step("CreateDocument", request)


def _update(rng: Random, collection: str | None) -> Step:
    request = pb.rpc_message("UpdateDocumentRequest")()
    request.document.name = values.document_name(rng, collection)
    values.fill(rng, request.document.fields)
    if rng.random() < 0.7:
        request.update_mask.field_paths.extend(_mask(rng, request.document.fields))
        request.update_mask.SetInParent()
    if rng.random() < 0.3:
        request.mask.field_paths.extend(_paths(rng))
    _condition(rng, request.current_document)
    return Step("UpdateDocument", request)


def _delete(rng: Random, collection: str | None) -> Step:
    request = pb.rpc_message("DeleteDocumentRequest")(name=values.document_name(rng, collection))
    _condition(rng, request.current_document)
    return Step("DeleteDocument", request)


def _set(rng: Random, collection: str | None) -> Any:
    message = pb.Write()
    message.update.name = values.document_name(rng, collection)
    values.fill(rng, message.update.fields)
    if rng.random() < 0.2:
        message.update_transforms.extend(_transform(rng) for _ in range(rng.randint(1, 2)))
    return message


def _masked(rng: Random, collection: str | None) -> Any:
    message = _set(rng, collection)
    message.update_mask.SetInParent()
    message.update_mask.field_paths.extend(_mask(rng, message.update.fields))
    return message


def _transforms(rng: Random, collection: str | None) -> Any:
    message = pb.Write()
    message.update.name = values.document_name(rng, collection)
    message.update_mask.SetInParent()
    message.update_transforms.extend(_transform(rng) for _ in range(rng.randint(1, 3)))
    return message


def _legacy(rng: Random, collection: str | None) -> Any:
    message = pb.Write()
    message.transform.document = values.document_name(rng, collection)
    message.transform.field_transforms.extend(_transform(rng) for _ in range(rng.randint(1, 2)))
    return message


def _gone(rng: Random, collection: str | None) -> Any:
    return pb.Write(delete=values.document_name(rng, collection))


def _transform(rng: Random) -> Any:
    step = pb.FieldTransform(field_path=rng.choice(["n", "n", "a", "m.x", "t", "new", "`odd name`"]))
    kind = rng.choice(["time", "increment", "increment", "maximum", "minimum", "append", "append", "remove"])
    if kind == "time":
        step.set_to_server_value = 1
    elif kind in {"increment", "maximum", "minimum"}:
        getattr(step, kind).CopyFrom(values.number(rng) if rng.random() < 0.97 else values.value(rng))
    else:
        field = step.append_missing_elements if kind == "append" else step.remove_all_from_array
        field.SetInParent()
        field.values.extend(values.elements(rng))
    return step


def _mask(rng: Random, fields: Any) -> list[str]:
    """Mostly paths that the fields hold, sometimes some that they lack, which are then deleted."""
    held = [name for name in sorted(fields) if name.isalnum() and name.isascii()]
    if "m" in held and rng.random() < 0.6:
        held[held.index("m")] = rng.choice(["m.x", "m.y"])
    return list(dict.fromkeys([*held, *(_paths(rng) if rng.random() < 0.4 else [])]))


def _paths(rng: Random) -> list[str]:
    found: list[str] = []
    for path in rng.sample(values.FIELDS, rng.randint(1, 3)):
        if not any(path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in found):
            found.append(path)
    return found


def _condition(rng: Random, condition: Any) -> None:
    if rng.random() < 0.7:
        return
    kind = rng.choice(["exists", "exists", "missing", "known", "stale"])
    if kind in {"exists", "missing"}:
        condition.exists = kind == "exists"
        return
    condition.update_time.seconds = KNOWN_TIME if kind == "known" else STALE_TIME
