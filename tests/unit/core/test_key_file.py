"""The key file: made once, replaced whole, read again by those who hold it."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.errors import VaultFailed
from sync.keys.key_file import KeyFile, create_key_file, forget_key, read_keys, rotate_key_file

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SHORT = base64.b64encode(b"short").decode()
WHOLE = base64.b64encode(b"o" * 32).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A key file with one key."""
    path = tmp_path / "keys.json"
    create_key_file(path)
    return path


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"

    assert create_key_file(path) is True
    first = path.read_text()
    assert create_key_file(path) is False
    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_those_who_make_the_key_file_at_once_agree_on_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    with ThreadPoolExecutor(8) as everybody:
        made = list(everybody.map(lambda _: create_key_file(path), range(8)))

    assert sorted(made) == [False] * 7 + [True]
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_key_becomes_current_and_the_old_one_is_kept(path: Path) -> None:
    before = read_keys(path)

    key_id = rotate_key_file(path, NOW)

    after = read_keys(path)
    assert (after.current, after.current_since) == (key_id, NOW)
    assert after.keys == {**before.keys, key_id: after.keys[key_id]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_those_who_rotate_at_once_lose_no_key(path: Path) -> None:
    first = read_keys(path).current

    with ThreadPoolExecutor(8) as everybody:
        made = list(everybody.map(lambda _: rotate_key_file(path, NOW), range(8)))

    assert set(read_keys(path).keys) == {first, *made}


def test_who_holds_the_file_wraps_under_the_new_key_at_once(path: Path) -> None:
    held = KeyFile(path)
    _, old = held.new_key("x")

    key_id = rotate_key_file(path, NOW)

    assert held.new_key("x")[1].key_id == key_id
    assert held.rewrap("x", old).key_id == key_id


def test_an_unknown_key_makes_its_holder_read_the_file_again(path: Path) -> None:
    """A file system may show the new file with the old time and size."""
    held = KeyFile(path)
    rotate_key_file(path, NOW)
    _, wrapped = KeyFile(path).new_key("x")
    now = path.stat()
    held._seen = (now.st_ino, now.st_mtime_ns, now.st_size)

    assert len(held.unwrap("x", wrapped)) == 32


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("{")])
def test_a_file_that_breaks_leaves_its_holders_with_the_keys_they_have(
    path: Path, harm: Callable[[Path], object]
) -> None:
    held = KeyFile(path)
    key, wrapped = held.new_key("x")
    whole = path.read_text()

    harm(path)
    assert held.unwrap("x", wrapped) == key
    path.write_text(whole)

    assert held.unwrap("x", held.new_key("x")[1]) != key


def test_a_forgotten_key_opens_nothing_any_more(path: Path) -> None:
    held = KeyFile(path)
    _, wrapped = held.new_key("x")
    rotate_key_file(path, NOW)

    forget_key(path, wrapped.key_id)
    forget_key(path, wrapped.key_id)

    with pytest.raises(VaultFailed, match=wrapped.key_id):
        held.unwrap("x", wrapped)
    assert read_keys(path).current_since == NOW


def test_the_current_key_is_never_forgotten(path: Path) -> None:
    with pytest.raises(VaultFailed, match="current"):
        forget_key(path, read_keys(path).current)

    assert read_keys(path).keys


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"current": "a", "keys": {}}',
        '{"current": "a", "keys": {"a": "???"}}',
        json.dumps({"current": "b", "keys": {"a": WHOLE}}),
        json.dumps({"current": "a", "keys": {"a": SHORT}}),
        json.dumps({"current": "a", "keys": {"a": WHOLE}, "current_since": "yesterday"}),
    ],
)
def test_a_key_file_of_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)

    with pytest.raises(VaultFailed):
        KeyFile(path)


def test_a_missing_key_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(VaultFailed, match="setup-key"):
        KeyFile(tmp_path / "none.json")


def test_keys_are_in_no_repr(path: Path) -> None:
    (key,) = read_keys(path).keys.values()
    shown = repr(KeyFile(path)) + repr(read_keys(path))

    assert repr(key) not in shown
    assert base64.b64encode(key).decode() not in shown
