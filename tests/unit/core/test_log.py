"""Logs: no token, secret or password in any line, whoever wrote it and however deep it hides."""

from __future__ import annotations

import base64
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from sync import log

UUID = "8ab976e6-64bc-4b38-98f7-731e7a349970"
TOKEN = f"access-sandbox-{UUID}"
KEY = base64.b64encode(bytes(range(32))).decode()
WRAPPED = "AQIDAHi" + "x" * 120 + "=="


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
        {"note": f"x_{TOKEN} and a{TOKEN}"},
        {"note": f"link {TOKEN.replace('access', 'link')}, public {TOKEN.replace('access', 'public')}"},
        {"note": f"live {TOKEN.replace('sandbox', 'production')}"},
        {"headers": "Authorization: Bearer hush-1"},
        {"curl": ["-H", "authorization: bearer hush-1"]},
        {"wrapped_key": "hush-1", "Plaintext": "hush-1", "data_key": "hush-1"},
        {"answer": f'{{"Plaintext": "{KEY}"}}'},
        {"answer": f"CiphertextBlob={WRAPPED}"},
        {"error": KeyError(f"no {TOKEN} in {KEY}")},
    ],
)
def test_what_must_not_be_seen_is_redacted(
    capsys: pytest.CaptureFixture[str], style: str, fields: dict[str, object]
) -> None:
    log.configure("INFO", style)
    log.get("test").info("something_happened", **fields)

    written = capsys.readouterr().out
    assert "something_happened" in written
    for secret in ("hush-1", TOKEN, UUID, "c2lnbmF0dXJl", KEY, WRAPPED):
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


def test_the_cause_of_a_traceback_is_redacted_and_its_locals_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json")
    hidden_local = f"hush-{UUID[:4]}"
    try:
        try:
            raise KeyError(TOKEN)
        except KeyError as missing:
            raise ValueError("outer") from missing
    except ValueError:
        log.get("test").exception("it_failed", length=len(hidden_local))

    (line,) = lines(capsys)
    assert "KeyError" in str(line["exception"])
    assert UUID not in str(line)
    assert hidden_local not in str(line)


def test_words_that_only_look_a_little_like_secrets_stay_readable(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json")
    kept = {
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "item_id": UUID,
        "key_id": "arn:aws:kms:eu-west-1:000000000000:key/8ab976e6-64bc-4b38-98f7-731e7a349970",
        "note": "public access to the link is basic",
    }
    log.get("test").info("kept", **kept)

    (line,) = lines(capsys)
    assert {name: line[name] for name in kept} == kept


@pytest.mark.parametrize("name", ["botocore.parsers", "plaid.rest", "boto3"])
def test_libraries_that_log_whole_answers_do_not_at_debug(capsys: pytest.CaptureFixture[str], name: str) -> None:
    log.configure("DEBUG", "json")
    logging.getLogger(name).debug("Response body: %s", "the whole answer")
    logging.getLogger("sync.test").debug("ours")

    assert [line["event"] for line in lines(capsys)] == ["ours"]


def test_logs_may_be_sent_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json", stream=sys.stderr)
    log.get("test").info("aside")

    written = capsys.readouterr()
    assert (written.out, "aside" in written.err) == ("", True)


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
