"""The local KMS as AWS's own SDK meets it: what opens, what does not, and by which error."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError

from local.kms import server
from local.kms.server import RunningKms

ROOT = Path(__file__).parents[3]
CONTEXT = {"livespend": "the token of item 1"}


@pytest.fixture
def arn(aws: Any) -> str:
    """A key, with the alias alias/livespend."""
    made = aws.create_key()["KeyMetadata"]
    aws.create_alias(AliasName="alias/livespend", TargetKeyId=made["KeyId"])
    return str(made["Arn"])


def refused(call: Callable[..., Any], **request: Any) -> str:
    """AWS's name for the refusal."""
    with pytest.raises(ClientError) as refusal:
        call(**request)
    return str(refusal.value.response["Error"]["Code"])


def test_a_data_key_opens_for_its_context_only(aws: Any, arn: str) -> None:
    made = aws.generate_data_key(KeyId="alias/livespend", KeySpec="AES_256", EncryptionContext=CONTEXT)

    opened = aws.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert (opened["Plaintext"], opened["KeyId"], made["KeyId"]) == (made["Plaintext"], arn, arn)
    assert len(made["Plaintext"]) == 32
    assert made["Plaintext"] not in made["CiphertextBlob"]
    for other in ({}, {"livespend": "the token of item 2"}, {**CONTEXT, "more": "x"}):
        code = refused(aws.decrypt, CiphertextBlob=made["CiphertextBlob"], EncryptionContext=other)
        assert code == "InvalidCiphertextException"


def test_a_key_is_found_by_id_arn_alias_and_the_aliass_arn(aws: Any, arn: str) -> None:
    alias_arn = arn.rsplit(":", 1)[0] + ":alias/livespend"
    for name in (arn, arn.rsplit("/", 1)[1], "alias/livespend", alias_arn):
        assert aws.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == arn
    for name in ("alias/none", "0000", arn.replace("eu-west-1", "us-east-1")):
        assert refused(aws.describe_key, KeyId=name) == "NotFoundException"


def test_an_alias_that_is_moved_leaves_the_old_key_readable(aws: Any, arn: str) -> None:
    old = aws.encrypt(KeyId="alias/livespend", Plaintext=b"data key", EncryptionContext=CONTEXT)
    newer = aws.create_key()["KeyMetadata"]["Arn"]
    aws.update_alias(AliasName="alias/livespend", TargetKeyId=newer)

    new = aws.re_encrypt(
        CiphertextBlob=old["CiphertextBlob"], SourceKeyId=arn, SourceEncryptionContext=CONTEXT,
        DestinationKeyId="alias/livespend", DestinationEncryptionContext={"other": "place"},
    )  # fmt: skip

    assert (new["SourceKeyId"], new["KeyId"]) == (arn, newer)
    opened = aws.decrypt(CiphertextBlob=new["CiphertextBlob"], KeyId=newer, EncryptionContext={"other": "place"})
    assert opened["Plaintext"] == b"data key"
    assert aws.decrypt(CiphertextBlob=old["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"] == b"data key"


def test_what_is_wrong_is_refused_by_its_name(aws: Any, arn: str) -> None:
    blob = aws.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    other = aws.create_key()["KeyMetadata"]["Arn"]

    assert refused(aws.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1])) == "InvalidCiphertextException"
    assert refused(aws.decrypt, CiphertextBlob=b"x") == "InvalidCiphertextException"
    assert refused(aws.decrypt, CiphertextBlob=blob, KeyId=other) == "IncorrectKeyException"
    assert refused(aws.encrypt, KeyId="alias/none", Plaintext=b"x") == "NotFoundException"
    assert refused(aws.update_alias, AliasName="alias/none", TargetKeyId=other) == "NotFoundException"
    again = {"AliasName": "alias/livespend", "TargetKeyId": other}
    assert refused(aws.create_alias, **again) == "AlreadyExistsException"
    assert refused(aws.schedule_key_deletion, KeyId=arn) == "UnknownOperationException"


def test_a_disabled_key_does_nothing_until_it_is_enabled(aws: Any, arn: str) -> None:
    blob = aws.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    aws.disable_key(KeyId=arn)

    assert aws.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "Disabled"
    for call, request in (
        (aws.encrypt, {"KeyId": arn, "Plaintext": b"x"}),
        (aws.decrypt, {"CiphertextBlob": blob}),
        (aws.generate_data_key, {"KeyId": arn, "KeySpec": "AES_256"}),
        (aws.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": arn}),
    ):
        assert refused(call, **request) == "DisabledException"
    aws.enable_key(KeyId=arn)
    assert aws.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_fault_strikes_as_often_as_it_was_ordered(aws: Any, arn: str, kms_server: RunningKms) -> None:
    http = urllib3.PoolManager()
    order = {"operation": "Encrypt", "error": "ThrottlingException", "times": 2}
    http.request("POST", f"{kms_server.url}/_local/faults", body=json.dumps(order))

    codes = [refused(aws.encrypt, KeyId=arn, Plaintext=b"x") for _ in range(2)]

    assert codes == ["ThrottlingException"] * 2
    assert aws.encrypt(KeyId=arn, Plaintext=b"x")["KeyId"] == arn
    counted = http.request("GET", f"{kms_server.url}/_local/calls").json()
    assert counted["calls"] == {"CreateKey": 1, "CreateAlias": 1, "Encrypt": 3}
    http.clear()


def test_a_call_that_nobody_signed_is_refused(kms_server: RunningKms) -> None:
    headers = {"X-Amz-Target": "TrentService.CreateKey", "Content-Type": "application/x-amz-json-1.1"}

    answer = urllib3.request("POST", kms_server.url, body="{}", headers=headers)

    assert (answer.status, answer.json()["__type"]) == (400, "MissingAuthenticationTokenException")


def test_keys_in_a_file_survive_a_restart(kms_server: RunningKms, tmp_path: Path) -> None:
    path = tmp_path / "kms" / "keys.json"
    first = server.start(data=path)
    client = boto3.session.Session().client("kms", endpoint_url=first.url)
    arn = client.create_key()["KeyMetadata"]["Arn"]
    client.create_alias(AliasName="alias/a", TargetKeyId=arn)
    blob = client.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    client.close()
    first.stop()

    second = server.start(data=path)
    client = boto3.session.Session().client("kms", endpoint_url=second.url)
    assert client.decrypt(CiphertextBlob=blob, KeyId="alias/a")["Plaintext"] == b"x"
    assert path.stat().st_mode & 0o777 == 0o600
    client.close()
    second.stop()


def test_it_runs_as_a_process_with_a_first_key(kms_server: RunningKms, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.kms", "--port", "0", "--data", str(tmp_path / "keys.json")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        url = next(word for word in said.split() if word.startswith("http://"))
        client = boto3.session.Session().client("kms", endpoint_url=url)
        assert client.describe_key(KeyId="alias/livespend")["KeyMetadata"]["Enabled"] is True
        client.close()
        process.terminate()
        assert process.wait(10) == 0
