"""A database in memory and the messages that tests write into it."""

from __future__ import annotations

from typing import Any

from local.firestore import pb
from local.firestore.clock import Clock
from local.firestore.database import Database
from local.firestore.query.plan import Plan, make_plan
from local.firestore.stats import Stats
from local.firestore.storage.disk import Disk, Memory
from local.firestore.write.intent import Intent, read_intent

NAME = "projects/p/databases/(default)"
ROOT = f"{NAME}/documents"


def new_database(disk: Disk | None = None) -> Database:
    return Database(NAME, Clock(), disk or Memory(), Stats())


def value(plain: Any) -> pb.Value:
    """A Value of a plain None, bool, int, float, str, bytes, list or dict."""
    if plain is None:
        return pb.Value(null_value=0)
    if isinstance(plain, list):
        made = pb.Value()
        made.array_value.values.extend(value(each) for each in plain)
        made.array_value.SetInParent()
        return made
    if isinstance(plain, dict):
        made = pb.Value()
        made.map_value.SetInParent()
        for name, each in plain.items():
            made.map_value.fields[name].CopyFrom(value(each))
        return made
    kinds = {bool: "boolean_value", int: "integer_value", float: "double_value", str: "string_value"}
    return pb.Value(**{kinds.get(type(plain), "bytes_value"): plain})


def put(path: str, **fields: Any) -> Intent:
    """A write that sets a whole document."""
    write = pb.Write()
    write.update.name = f"{ROOT}/{path}"
    for name, plain in fields.items():
        write.update.fields[name].CopyFrom(value(plain))
    return read_intent(NAME, write)


def remove(path: str) -> Intent:
    return read_intent(NAME, pb.Write(delete=f"{ROOT}/{path}"))


def plan_of(collection: str, **query: Any) -> Plan:
    """A plan from the JSON form of a structured query."""
    from google.protobuf import json_format

    message = json_format.ParseDict({"from": [{"collectionId": collection}], **query}, pb.StructuredQuery())
    return make_plan(NAME, ROOT, message)
