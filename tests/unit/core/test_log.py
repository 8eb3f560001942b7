"""Logs: no token, secret or password in any line, whoever wrote it and however deep it hides."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from sync import log

TOKEN = "access-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize(
    "fields",
    [
        {"access_token": "hush-1"},
        {"PLAID_SECRET": "hush-1"},
        {"headers": {"Authorization": "Bearer hush-1"}},
        {"deep": [{"list": ({"password": "hush-1"},)}]},
        {"note": f"failed for {TOKEN} at once"},
        {"url": "postgresql://livespend_api:hush-1@db/livespend"},
        {"error": ValueError(TOKEN)},
        {"jwt": "eyJhbGciOiJFUzI1NiJ9.eyJpYXQiOjF9.c2lnbmF0dXJl"},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": TOKEN}}}}}}}},
        {"blob": b"hush-1"},
    ],
)
def test_what_must_not_be_seen_is_redacted(
    capsys: pytest.CaptureFixture[str], style: str, fields: dict[str, object]
) -> None:
    log.configure("INFO", style)
    log.get("test").info("something_happened", **fields)

    written = capsys.readouterr().out
    assert "something_happened" in written
    for secret in ("hush-1", TOKEN, "c2lnbmF0dXJl"):
        assert secret not in written


def test_lines_of_libraries_are_redacted_too(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json")
    logging.getLogger("some.library").warning("sending %s", TOKEN)

    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("sending [redacted]", "warning", "some.library")


def test_a_traceback_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json")
    try:
        raise ValueError(TOKEN)
    except ValueError:
        log.get("test").exception("it_failed")

    (line,) = lines(capsys)
    assert "ValueError" in str(line["exception"])
    assert TOKEN not in str(line)


def test_counts_under_a_telling_name_stay_readable(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json")
    log.get("test").info("rotated", tokens=3, token_present=True, token=None)

    (line,) = lines(capsys)
    assert (line["tokens"], line["token_present"], line["token"]) == (3, True, None)


def test_configuring_again_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json")
    log.configure("WARNING", "json")
    log.get("test").info("too_quiet")
    log.get("test").warning("once")

    assert [line["event"] for line in lines(capsys)] == ["once"]
