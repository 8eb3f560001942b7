"""A person in front of the page, for the demo and the proofs: signs up, links a bank, buys, edits — all over HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2
import requests

if TYPE_CHECKING:
    from local.stack import Stack

_TIMEOUT = 30
_IDENTITY = "identitytoolkit.googleapis.com/v1/accounts"


class Refused(RuntimeError):
    """A server of the stack refused a request; the message carries its answer."""


@dataclass
class Person:
    """A signed-in user of a running stack."""

    stack: Stack
    uid: str
    token: str
    email: str
    password: str

    @classmethod
    def sign_in_or_up(cls, stack: Stack, email: str, password: str) -> Person:
        """Signs in, or signs up where the e-mail is new. Twice is safe."""
        body = {"email": email, "password": password, "returnSecureToken": True}
        for verb in ("signInWithPassword", "signUp"):
            url = f"{stack.auth}/{_IDENTITY}:{verb}?key=local"
            answer = requests.post(url, json=body, timeout=_TIMEOUT)
            if answer.status_code == 200:
                found = answer.json()
                return cls(stack, found["localId"], found["idToken"], email, password)
        raise Refused(f"{answer.status_code} {answer.text[:500]}")

    def introduce(self, name: str) -> None:
        """Creates the user in the ledger. Twice is safe."""
        self._call("PUT", "/api/me", {"displayName": name})

    def link_bank(self, username: str, password: str, institution: str = "ins_109508") -> dict[str, Any]:
        """Goes through Link as the local bank's customer `username`; answers the item. Raises Refused."""
        token = self._call("POST", "/api/link-tokens", {})["linkToken"]
        typed = {"institution_id": institution, "username": username, "password": password}
        done = self.bank("/_local/link/connect", {"link_token": token, **typed})
        return dict(self._call("POST", "/api/items", {"publicToken": done["public_token"], "linkToken": token})["item"])

    def bank(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Calls the local bank; raises Refused with its answer."""
        from local.stack import PLAID_CLIENT_ID

        keys = {"PLAID-CLIENT-ID": PLAID_CLIENT_ID, "PLAID-SECRET": self.stack.plaid_secret}
        answer = requests.post(f"{self.stack.plaid}{path}", json=body, headers=keys, timeout=_TIMEOUT)
        if answer.status_code != 200:
            raise Refused(f"the bank answered {answer.status_code}: {_told(answer)}")
        return dict(answer.json())

    def buy(self, **purchase: Any) -> dict[str, Any]:
        """Buys something at the user's newest bank."""
        return self.bank("/_local/purchases", {"user": self.uid, **purchase})

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("PATCH", path, body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("PUT", path, body)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, body)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path, None)

    def wait_until_mirrored(self, seconds: float = 60) -> None:
        """Returns when this user's pulls are done and no mark is left; raises TimeoutError."""
        give_up = time.monotonic() + seconds
        with psycopg2.connect(self.stack.database_url()) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while time.monotonic() < give_up:
                cursor.execute(
                    "select not exists (select from item_pulls where user_id = %(uid)s and wanted > done)"
                    " and not exists (select from changes where owner = 'users/' || %(uid)s)",
                    {"uid": self.uid},
                )
                if cursor.fetchone() == (True,):
                    return
                time.sleep(0.05)
        raise TimeoutError(f"the mirror did not catch up within {seconds} s; see {self.stack.state / 'logs'}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, f"{self.stack.api}{path}", json=body, headers=headers, timeout=_TIMEOUT)
        if answer.status_code >= 400:
            raise Refused(f"{method} {path} answered {answer.status_code}: {answer.text[:2000]}")
        return answer.json() if answer.content else None


def _told(answer: requests.Response) -> str:
    """What Plaid's error says; the raw answer if it is none."""
    try:
        error = answer.json()
        return f"{error['error_code']}: {error['error_message']}"
    except (ValueError, KeyError, TypeError):
        return answer.text[:2000]
