"""AWS KMS behind the vault: AWS's own SDK against the local KMS, in this process and in a worker's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from api.doorbell import Doorbell
from local.kms.server import Fault, RunningKms
from sync import log
from sync.errors import VaultFailed, VaultUnavailable
from sync.keys import rotation
from sync.keys.kms import AwsKms, Remembered, WrappedKey
from sync.keys.vault import Vault, open_vault
from tests.fixtures.kms import NO_ACCOUNT
from tests.fixtures.waiting import eventually
from tests.integration.pull.process import celery_worker
from tests.integration.secrets.conftest import Home

ALIAS = "alias/livespend"
ITEM = uuid4()
TOKEN = "access-sandbox-0b1c"


@pytest.fixture
def arn(aws: Any) -> str:
    """A key with the alias of the settings."""
    made = aws.create_key()["KeyMetadata"]
    aws.create_alias(AliasName=ALIAS, TargetKeyId=made["KeyId"])
    return str(made["Arn"])


@pytest.fixture
def vault(kms_server: RunningKms, arn: str) -> Vault:
    return open_vault(kms_key_id=ALIAS, endpoint_url=kms_server.url)


def move_alias(aws: Any) -> str:
    """Rotation as AWS wants it: the alias points at a new key."""
    newer = str(aws.create_key()["KeyMetadata"]["Arn"])
    aws.update_alias(AliasName=ALIAS, TargetKeyId=newer)
    return newer


def test_a_token_opens_for_its_item_only_and_aws_knows_what_for(vault: Vault, kms_server: RunningKms, arn: str) -> None:
    sealed = vault.encrypt(ITEM, TOKEN)

    assert (vault.decrypt(ITEM, sealed), sealed.key_id) == (TOKEN, arn)
    with pytest.raises(VaultFailed):
        vault.decrypt(uuid4(), sealed)
    assert kms_server.contexts[0] == {"livespend": f"the token of item {ITEM}"}
    assert TOKEN not in repr(kms_server.contexts)


def test_many_openings_cost_one_call(vault: Vault, kms_server: RunningKms) -> None:
    sealed = vault.encrypt(ITEM, TOKEN)

    assert {vault.decrypt(ITEM, sealed) for _ in range(50)} == {TOKEN}

    assert kms_server.calls["Decrypt"] == 1


def test_what_is_remembered_is_bounded_in_number_and_time() -> None:
    now, asked = [0.0], []

    def ask(remembered: Remembered, number: int) -> bytes:
        def unwrap() -> bytes:
            asked.append(number)
            return bytes([number])

        return remembered.find("x", WrappedKey("k", bytes([number])), unwrap)

    few = Remembered(seconds=60, most=2, clock=lambda: now[0])
    assert [ask(few, n) for n in (1, 1, 2, 1, 3, 1, 2)] == [bytes([n]) for n in (1, 1, 2, 1, 3, 1, 2)]
    assert asked == [1, 2, 3, 2]
    now[0] = 61.0
    ask(few, 2)
    assert asked[-1] == 2
    assert len(asked) == 5


def test_what_is_remembered_is_told_apart_by_context_and_key() -> None:
    remembered, key = Remembered(), WrappedKey("a", b"bc")
    remembered.find("x", key, lambda: b"first")

    assert remembered.find("x", WrappedKey("ab", b"c"), lambda: b"second") == b"second"
    assert remembered.find("y", key, lambda: b"third") == b"third"
    assert "first" not in repr(remembered)


def test_throttling_is_waited_out_by_the_sdk_and_passes_by_itself_if_it_lasts(
    vault: Vault, kms_server: RunningKms
) -> None:
    kms_server.faults.append(Fault("GenerateDataKey", times=2))
    sealed = vault.encrypt(ITEM, TOKEN)
    kms_server.faults.append(Fault("Decrypt", times=3))

    with pytest.raises(VaultUnavailable, match="ThrottlingException"):
        vault.decrypt(ITEM, sealed)

    assert vault.decrypt(ITEM, sealed) == TOKEN


def test_a_service_that_is_away_is_no_lost_key(vault: Vault, kms_server: RunningKms) -> None:
    sealed = vault.encrypt(ITEM, TOKEN)
    kms_server.stop()

    with pytest.raises(VaultUnavailable):
        vault.decrypt(ITEM, sealed)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ("KMSInternalException", 500, VaultUnavailable),
        ("DependencyTimeoutException", 503, VaultUnavailable),
        ("AccessDeniedException", 400, VaultFailed),
        ("KMSInvalidStateException", 400, VaultFailed),
    ],
)
def test_refusals_are_told_apart_by_whether_they_pass(
    vault: Vault, kms_server: RunningKms, error: str, status: int, kind: type[VaultFailed]
) -> None:
    sealed = vault.encrypt(ITEM, TOKEN)
    kms_server.faults.append(Fault("Decrypt", error, status, times=9))

    with pytest.raises(VaultFailed, match=error) as refused:
        vault.decrypt(ITEM, sealed)

    assert type(refused.value) is kind


def test_a_disabled_key_is_a_named_failure(vault: Vault, aws: Any, arn: str) -> None:
    sealed = vault.encrypt(ITEM, TOKEN)
    aws.disable_key(KeyId=arn)

    with pytest.raises(VaultFailed, match="DisabledException"):
        vault.decrypt(ITEM, sealed)


def test_damaged_bytes_and_another_context_do_not_open(vault: Vault) -> None:
    _, wrapped = vault.new_key("pages of 1")
    damaged = WrappedKey(wrapped.key_id, wrapped.wrapped[:-1] + b"\0")

    for context, stored in (("pages of 1", damaged), ("pages of 2", wrapped)):
        with pytest.raises(VaultFailed, match="InvalidCiphertext"):
            vault.open_key(context, stored)


def test_without_credentials_or_region_the_failure_says_so(
    monkeypatch: pytest.MonkeyPatch, kms_server: RunningKms
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(VaultFailed, match="NoCredentials"):
        open_vault(kms_key_id=ALIAS, endpoint_url=kms_server.url).current()
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(VaultFailed, match="NoRegion"):
        open_vault(kms_key_id=ALIAS, endpoint_url=kms_server.url)
    arn = "arn:aws:kms:eu-west-1:000000000000:key/x"
    assert repr(AwsKms(arn, kms_server.url)) == f"AwsKms('{arn}')"


@pytest.fixture
def _logs_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_logs_restored")
def test_the_sdks_debug_lines_never_show_a_data_key(
    kms_server: RunningKms, arn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At DEBUG it logs every answer whole, and GenerateDataKey's answer is a key in base64."""
    import base64

    log.configure("DEBUG", "json")
    kms = AwsKms(ALIAS, kms_server.url)

    key, _ = kms.new_key("x")

    said = capsys.readouterr()
    assert base64.b64encode(key).decode() not in said.out + said.err
    assert NO_ACCOUNT["AWS_SECRET_ACCESS_KEY"] not in said.out + said.err


def test_an_installation_moves_from_its_file_to_kms_and_to_a_new_key_of_it(
    home: Home, kms_server: RunningKms, aws: Any, arn: str
) -> None:
    token, silent = home.stored(), lambda *_: None
    file = home.deps.settings.token_key_file
    both = open_vault(file, kms_key_id=ALIAS, endpoint_url=kms_server.url)
    deps = replace(home.deps, vault=both)
    assert home.with_deps(vault=both).pull_owed().outcome == "applied"

    first = rotation.rewrap(deps, silent)
    assert (first.moved, rotation.count_keys(deps)["item_tokens"]) == (1, {arn: 1})
    newer = move_alias(aws)
    second = rotation.rewrap(deps, silent)

    assert (second.current, second.moved, kms_server.calls["ReEncrypt"]) == (newer, 2, 2)
    aws.disable_key(KeyId=arn)
    alone = open_vault(kms_key_id=ALIAS, endpoint_url=kms_server.url)
    assert home.with_deps(vault=alone).stored() == token
    assert rotation.find_unopened(replace(home.deps, vault=alone), silent) == []


def test_while_kms_is_away_a_pull_is_put_off_and_nothing_is_lost(
    home: Home, kms_server: RunningKms, vault: Vault
) -> None:
    file = home.deps.settings.token_key_file
    rotation.rewrap(replace(home.deps, vault=open_vault(file, kms_key_id=ALIAS, endpoint_url=kms_server.url)), print)
    kms_server.faults.append(Fault("Decrypt", "KMSInternalException", 500, times=3))
    deps = home.with_deps(vault=vault)

    assert (deps.pull_owed().outcome, home.run("error_code"), home.item("status")) == (
        "failed", "vault-unavailable", "ok",
    )  # fmt: skip
    assert home.owed("retry_at < now() + interval '20 seconds'") is True
    home.database.sql("update item_pulls set retry_at = null")
    assert deps.pull_owed().outcome == "applied"


def test_a_real_worker_and_the_commands_work_with_kms_alone(
    home: Home, valkey: str, kms_server: RunningKms, aws: Any, arn: str, tmp_path: Path
) -> None:
    settings = {
        **NO_ACCOUNT, **home.keys, "KMS_KEY_ID": ALIAS, "KMS_ENDPOINT_URL": kms_server.url,
        "TOKEN_KEY_FILE": home.deps.settings.token_key_file,
    }  # fmt: skip
    assert home.command("keys", "rewrap", "--json", **settings).returncode == 0
    settings["TOKEN_KEY_FILE"] = ""
    bell = Doorbell(valkey)
    with celery_worker(home, valkey, tmp_path, **settings):
        for _ in range(3):
            home.database.sql("update item_pulls set wanted = wanted + 1")
            bell.ring("pull_item", {"item_id": str(home.item_id)})
            eventually(lambda: home.owed("wanted = done"))
        newer = move_alias(aws)
        moved = home.command("keys", "rewrap", "--json", **settings)
        home.database.sql("update item_pulls set wanted = wanted + 1")
        bell.ring("pull_item", {"item_id": str(home.item_id)})
        eventually(lambda: home.owed("wanted = done"))
    bell.close()

    assert (json.loads(moved.stdout)["moved"], json.loads(moved.stdout)["current"]) == (2, newer)
    assert home.database.sql("select distinct error_code from sync_runs") == [(None,)]
    assert home.equal_to_bank()
    status = home.command("keys", "status", "--json", **settings)
    assert (status.returncode, json.loads(status.stdout)["sealed"]["item_tokens"]) == (0, {newer: 1})
    refused = home.command("keys", "rotate", **settings)
    assert (refused.returncode, "KMS" in refused.stderr) == (1, True)
