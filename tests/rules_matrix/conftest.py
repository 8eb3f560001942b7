"""Where the matrix runs: our local Firestore, or the vendor's emulator when FIRESTORE_CONFORMANCE_HOST names one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import pytest
import requests

from tests.fixtures.firestore import FirestoreServer
from tests.rules_matrix.wire import Wire

PROJECT = "demo-livespend"


@dataclass(frozen=True)
class Target:
    """A server that enforces rules, empty, and the channel to it."""

    address: str
    channel: grpc.Channel
    load: Callable[[str], None]
    vendors: bool

    def wire(self, authorization: str | None) -> Wire:
        return Wire(self.channel, PROJECT, authorization)

    def admin(self) -> Wire:
        return self.wire("Bearer owner")


def load_over_http(address: str, text: str) -> None:
    url = f"http://{address}/emulator/v1/projects/{PROJECT}:securityRules"
    answer = requests.put(url, json={"rules": {"files": [{"name": "r.rules", "content": text}]}}, timeout=20)
    if answer.status_code == 400:
        raise ValueError(answer.text)
    answer.raise_for_status()


@pytest.fixture
def target(conformance_host: str | None, request: pytest.FixtureRequest) -> Iterator[Target]:
    address = conformance_host
    if address is None:
        ours: FirestoreServer = request.getfixturevalue("firestore_server")
        address = ours.address
    else:
        url = f"http://{address}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
        requests.delete(url, timeout=20).raise_for_status()
    with grpc.insecure_channel(address) as channel:
        yield Target(address, channel, lambda text: load_over_http(address, text), conformance_host is not None)
