"""The vault: a token opens for its item and under its key only, and nobody sees it on the way."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.errors import VaultFailed
from sync.keys.kms import WrappedKey
from sync.keys.vault import Sealed, Vault, open_vault

OLD, NEW = b"o" * 32, b"n" * 32
ITEM = uuid.uuid4()
TOKEN = "access-sandbox-0b1c"


def vault_of(folder: Path, keys: dict[str, bytes], current: str) -> Vault:
    """A vault on a key file with these keys; calling it again replaces the file."""
    path = folder / "keys.json"
    encoded = {key_id: base64.b64encode(key).decode() for key_id, key in keys.items()}
    part = folder / "part"
    part.write_text(json.dumps({"current": current, "keys": encoded}))
    part.replace(path)
    return open_vault(path)


def sealed_before_envelopes(key: bytes, item_id: uuid.UUID) -> Sealed:
    """A token as it was stored when the key file's key sealed it by itself."""
    nonce = os.urandom(12)
    return Sealed("old", nonce, AESGCM(key).encrypt(nonce, TOKEN.encode(), str(item_id).encode()))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_of(tmp_path, {"a": OLD}, "a")


def test_a_token_opens_for_its_item(vault: Vault) -> None:
    assert vault.decrypt(ITEM, vault.encrypt(ITEM, TOKEN)) == TOKEN


def test_a_token_does_not_open_for_another_item(vault: Vault) -> None:
    with pytest.raises(VaultFailed):
        vault.decrypt(uuid.uuid4(), vault.encrypt(ITEM, TOKEN))


def test_a_token_does_not_open_with_another_items_data_key(vault: Vault) -> None:
    other = vault.encrypt(uuid.uuid4(), TOKEN)
    mixed = dataclasses.replace(vault.encrypt(ITEM, TOKEN), wrapped_key=other.wrapped_key)

    with pytest.raises(VaultFailed):
        vault.decrypt(ITEM, mixed)


def test_every_token_has_a_data_key_of_its_own(vault: Vault) -> None:
    first, second = vault.encrypt(ITEM, TOKEN), vault.encrypt(ITEM, TOKEN)

    assert first.ciphertext != second.ciphertext
    with pytest.raises(VaultFailed):
        vault.decrypt(ITEM, dataclasses.replace(first, wrapped_key=second.wrapped_key))


def test_an_envelope_seals_after_its_key_service_is_gone(tmp_path: Path, vault: Vault) -> None:
    envelope = vault.envelope(ITEM)
    (tmp_path / "keys.json").unlink()

    sealed = envelope.seal(TOKEN)

    assert vault_of(tmp_path, {"a": OLD}, "a").decrypt(ITEM, sealed) == TOKEN


def test_a_token_under_the_former_key_opens_after_rotation(tmp_path: Path) -> None:
    sealed = vault_of(tmp_path, {"old": OLD}, "old").encrypt(ITEM, TOKEN)
    rotated = vault_of(tmp_path, {"old": OLD, "new": NEW}, "new")

    assert rotated.decrypt(ITEM, sealed) == TOKEN
    assert rotated.encrypt(ITEM, TOKEN).key_id == "new"
    with pytest.raises(VaultFailed, match="'old'"):
        vault_of(tmp_path, {"new": NEW}, "new").decrypt(ITEM, sealed)


def test_a_token_from_before_the_envelopes_opens_for_its_item_only(tmp_path: Path) -> None:
    vault = vault_of(tmp_path, {"old": OLD, "new": NEW}, "new")

    assert vault.decrypt(ITEM, sealed_before_envelopes(OLD, ITEM)) == TOKEN
    with pytest.raises(VaultFailed):
        vault.decrypt(uuid.uuid4(), sealed_before_envelopes(OLD, ITEM))


def test_rewrapping_a_token_moves_it_to_the_current_key_and_leaves_what_is_sealed(tmp_path: Path) -> None:
    sealed = vault_of(tmp_path, {"old": OLD}, "old").encrypt(ITEM, TOKEN)

    moved = vault_of(tmp_path, {"old": OLD, "new": NEW}, "new").rewrap_token(ITEM, sealed)

    assert (moved.key_id, moved.nonce, moved.ciphertext) == ("new", sealed.nonce, sealed.ciphertext)
    assert vault_of(tmp_path, {"new": NEW}, "new").decrypt(ITEM, moved) == TOKEN


def test_rewrapping_a_token_from_before_the_envelopes_gives_it_one(tmp_path: Path) -> None:
    vault = vault_of(tmp_path, {"old": OLD, "new": NEW}, "new")

    moved = vault.rewrap_token(ITEM, sealed_before_envelopes(OLD, ITEM))

    assert (moved.key_id, moved.wrapped_key is not None) == ("new", True)
    assert vault_of(tmp_path, {"new": NEW}, "new").decrypt(ITEM, moved) == TOKEN


@pytest.mark.parametrize("part", ["nonce", "ciphertext", "wrapped_key"])
def test_damaged_bytes_do_not_open(vault: Vault, part: str) -> None:
    sealed = vault.encrypt(ITEM, TOKEN)
    damaged = bytes([getattr(sealed, part)[0] ^ 1]) + getattr(sealed, part)[1:]

    with pytest.raises(VaultFailed):
        vault.decrypt(ITEM, dataclasses.replace(sealed, **{part: damaged}))


@pytest.mark.parametrize("length", [0, 5, 12, 27])
def test_a_wrapped_key_cut_short_does_not_open(vault: Vault, length: int) -> None:
    _, wrapped = vault.new_key("somewhere")

    with pytest.raises(VaultFailed):
        vault.open_key("somewhere", WrappedKey(wrapped.key_id, wrapped.wrapped[:length]))


def test_a_data_key_opens_for_its_context_only(vault: Vault) -> None:
    key, wrapped = vault.new_key("the pages of item 1")
    sealed = key.seal(b"page", "page 1")

    assert vault.open_key("the pages of item 1", wrapped).open(sealed, "page 1") == b"page"
    with pytest.raises(VaultFailed, match="page 2"):
        key.open(sealed, "page 2")
    with pytest.raises(VaultFailed, match="item 2"):
        vault.open_key("the pages of item 2", wrapped)


def test_a_key_of_a_service_that_is_not_used_is_named(vault: Vault) -> None:
    with pytest.raises(VaultFailed, match="arn:aws:kms"):
        vault.open_key("anything", WrappedKey("arn:aws:kms:eu-west-1:1:key/x", b"x"))


def test_without_any_key_there_is_no_vault() -> None:
    with pytest.raises(VaultFailed):
        open_vault()


def test_neither_keys_nor_tokens_are_in_a_repr_or_an_error(vault: Vault) -> None:
    sealed = vault.encrypt(ITEM, TOKEN)
    key, wrapped = vault.new_key("x")
    with pytest.raises(VaultFailed) as refused:
        vault.decrypt(uuid.uuid4(), sealed)

    things = (vault, sealed, key, wrapped, vault.envelope(ITEM), refused.value, refused.value.__cause__)
    shown = "".join(map(repr, things)) + str(refused.value)
    assert TOKEN not in shown
    assert "oooo" not in shown
    assert "ciphertext" not in shown
    assert repr(wrapped.wrapped) not in shown
