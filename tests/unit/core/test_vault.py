"""The vault: a token opens for its item and under its key only, and nobody sees it on the way."""

from __future__ import annotations

import base64
import dataclasses
import json
import stat
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sync.errors import VaultFailed
from sync.vault import Vault, create_key_file, open_vault

OLD, NEW = b"o" * 32, b"n" * 32
ITEM = uuid.uuid4()
TOKEN = "access-sandbox-0b1c"


def test_a_token_opens_for_its_item() -> None:
    vault = Vault({"a": OLD}, "a")

    assert vault.decrypt(ITEM, vault.encrypt(ITEM, TOKEN)) == TOKEN


def test_a_token_does_not_open_for_another_item() -> None:
    vault = Vault({"a": OLD}, "a")

    with pytest.raises(VaultFailed):
        vault.decrypt(uuid.uuid4(), vault.encrypt(ITEM, TOKEN))


def test_the_same_token_is_sealed_differently_each_time() -> None:
    vault = Vault({"a": OLD}, "a")

    assert vault.encrypt(ITEM, TOKEN).ciphertext != vault.encrypt(ITEM, TOKEN).ciphertext


def test_a_token_under_the_former_key_opens_after_rotation() -> None:
    sealed = Vault({"old": OLD}, "old").encrypt(ITEM, TOKEN)
    rotated = Vault({"old": OLD, "new": NEW}, "new")

    assert rotated.decrypt(ITEM, sealed) == TOKEN
    assert rotated.encrypt(ITEM, TOKEN).key_id == "new"
    with pytest.raises(VaultFailed, match="'old'"):
        Vault({"new": NEW}, "new").decrypt(ITEM, sealed)


@pytest.mark.parametrize("part", ["nonce", "ciphertext"])
def test_damaged_bytes_do_not_open(part: str) -> None:
    vault = Vault({"a": OLD}, "a")
    sealed = vault.encrypt(ITEM, TOKEN)
    damaged = bytes([getattr(sealed, part)[0] ^ 1]) + getattr(sealed, part)[1:]

    with pytest.raises(VaultFailed):
        vault.decrypt(ITEM, dataclasses.replace(sealed, **{part: damaged}))


def test_neither_keys_nor_tokens_are_in_a_repr_or_an_error() -> None:
    vault = Vault({"a": OLD}, "a")
    with pytest.raises(VaultFailed) as refused:
        vault.decrypt(uuid.uuid4(), vault.encrypt(ITEM, TOKEN))

    shown = repr(vault) + repr(vault.encrypt(ITEM, TOKEN)) + repr(refused.value) + str(refused.value)
    assert TOKEN not in shown
    assert "oooo" not in shown
    assert "ciphertext" not in shown


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"

    assert create_key_file(path) is True
    first = path.read_text()
    assert create_key_file(path) is False
    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert open_vault(path).decrypt(ITEM, open_vault(path).encrypt(ITEM, TOKEN)) == TOKEN


def test_those_who_make_the_key_file_at_once_agree_on_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    with ThreadPoolExecutor(8) as everybody:
        made = list(everybody.map(lambda _: create_key_file(path), range(8)))

    assert sorted(made) == [False] * 7 + [True]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"current": "a", "keys": {}}',
        '{"current": "a", "keys": {"a": "???"}}',
        json.dumps({"current": "b", "keys": {"a": base64.b64encode(OLD).decode()}}),
        json.dumps({"current": "a", "keys": {"a": base64.b64encode(b"short").decode()}}),
    ],
)
def test_a_key_file_of_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)

    with pytest.raises(VaultFailed):
        open_vault(path)


def test_a_missing_key_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(VaultFailed, match="setup-key"):
        open_vault(tmp_path / "none.json")
