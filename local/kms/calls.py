"""The calls, by AWS's names: what each wants and answers. Bytes are base64 on the wire."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from local.kms.errors import KmsError, invalid
from local.kms.keys import Keys

_LONGEST_PLAINTEXT = 4096
Call = Callable[[Keys, dict[str, Any]], dict[str, Any]]


def create_key(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    if ask.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise KmsError("UnsupportedOperationException", "this stand-in makes symmetric keys only")
    return {"KeyMetadata": keys.create().metadata()}


def describe_key(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    return {"KeyMetadata": keys.find(_text(ask, "KeyId")).metadata()}


def create_alias(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    keys.name(_text(ask, "AliasName"), _text(ask, "TargetKeyId"), new=True)
    return {}


def update_alias(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    keys.name(_text(ask, "AliasName"), _text(ask, "TargetKeyId"), new=False)
    return {}


def disable_key(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    keys.enable(_text(ask, "KeyId"), False)
    return {}


def enable_key(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    keys.enable(_text(ask, "KeyId"), True)
    return {}


def generate_data_key(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    length = {"AES_256": 32, "AES_128": 16}.get(ask.get("KeySpec", "")) or ask.get("NumberOfBytes")
    if not isinstance(length, int) or not 1 <= length <= 1024:
        raise invalid("KeySpec or NumberOfBytes")
    plaintext = secrets.token_bytes(length)
    key, blob = keys.encrypt(_text(ask, "KeyId"), plaintext, _context(ask, "EncryptionContext"))
    return {"KeyId": key.arn, "Plaintext": _out(plaintext), "CiphertextBlob": _out(blob)}


def encrypt(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    plaintext = _bytes(ask, "Plaintext")
    if not 1 <= len(plaintext) <= _LONGEST_PLAINTEXT:
        raise invalid("Plaintext has 1 to 4096 bytes")
    key, blob = keys.encrypt(_text(ask, "KeyId"), plaintext, _context(ask, "EncryptionContext"))
    return {"KeyId": key.arn, "CiphertextBlob": _out(blob), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


def decrypt(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    blob, context = _bytes(ask, "CiphertextBlob"), _context(ask, "EncryptionContext")
    key, plaintext = keys.decrypt(blob, context, ask.get("KeyId"))
    return {"KeyId": key.arn, "Plaintext": _out(plaintext), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


def re_encrypt(keys: Keys, ask: dict[str, Any]) -> dict[str, Any]:
    blob, context = _bytes(ask, "CiphertextBlob"), _context(ask, "SourceEncryptionContext")
    source, plaintext = keys.decrypt(blob, context, ask.get("SourceKeyId"))
    to = _context(ask, "DestinationEncryptionContext")
    key, new = keys.encrypt(_text(ask, "DestinationKeyId"), plaintext, to)
    return {"SourceKeyId": source.arn, "KeyId": key.arn, "CiphertextBlob": _out(new)}


CALLS: Mapping[str, Call] = {
    "CreateKey": create_key,
    "DescribeKey": describe_key,
    "CreateAlias": create_alias,
    "UpdateAlias": update_alias,
    "DisableKey": disable_key,
    "EnableKey": enable_key,
    "GenerateDataKey": generate_data_key,
    "Encrypt": encrypt,
    "Decrypt": decrypt,
    "ReEncrypt": re_encrypt,
}


def _text(ask: dict[str, Any], name: str) -> str:
    value = ask.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"{name} is missing")
    return value


def _bytes(ask: dict[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(_text(ask, name), validate=True)
    except binascii.Error:
        raise invalid(f"{name} is not base64") from None


def _context(ask: dict[str, Any], name: str) -> dict[str, str]:
    context = ask.get(name, {})
    if not isinstance(context, dict) or not all(isinstance(value, str) for value in context.values()):
        raise invalid(f"{name} maps words to words")
    return context


def _out(data: bytes) -> str:
    return base64.b64encode(data).decode()
