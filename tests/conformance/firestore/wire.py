"""Raw HTTP against a Firestore: REST calls, unsigned ID tokens, and a WebChannel as the browser SDK speaks it."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
from typing import Any
from urllib.parse import quote, urlencode

_SECONDS = 10


def http_call(
    address: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """One HTTP call; answers status and text."""
    connection = http.client.HTTPConnection(address, timeout=_SECONDS)
    try:
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, path, None if text is None else text.encode(), headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def token(uid: str, **claims: Any) -> str:
    """An unsigned ID token as the Auth emulator issues it, already expired like the SDK's mock tokens."""
    parts = [{"alg": "none", "typ": "JWT"}, {"sub": uid, "user_id": uid, "iat": 0, "exp": 3600, **claims}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


class Browser:
    """One WebChannel: handshake, posts, and a hanging GET that is read frame by frame."""

    def __init__(self, address: str, project: str, stream: str = "Listen", authorization: str | None = None) -> None:
        self.address = address
        self.database = f"projects/{project}/databases/(default)"
        self.path = f"/google.firestore.v1.Firestore/{stream}/channel"
        self.authorization = authorization
        self.sid = ""
        self.last_id = 0
        self._rid = 1000
        self._sent = 0
        self._get: http.client.HTTPConnection | None = None
        self._response: Any = None
        self._arrays: list[Any] = []

    def open(self, *messages: dict[str, Any]) -> list[Any]:
        """The handshake with first messages inside; answers the `c` array."""
        status, text = self._post({"CVER": "22", "X-HTTP-Session-Id": "gsessionid"}, messages, with_headers=True)
        assert status == 200, text
        [[number, hello]] = json.loads(_unframe(text))
        assert number == 0
        self.sid = hello[1]
        return list(hello)

    def send(self, *messages: dict[str, Any]) -> list[int]:
        """Posts messages; answers [back channel open, last array id, bytes outstanding]."""
        status, text = self._post({"SID": self.sid, "AID": str(self.last_id)}, messages)
        assert status == 200, text
        return list(json.loads(_unframe(text)))

    def resend(self, *messages: dict[str, Any]) -> None:
        """Posts the last messages once more, as a browser does when it saw no reply."""
        self._sent -= len(messages)
        self._rid -= 1
        self.send(*messages)

    def hang(self, *, aid: int | None = None, once: bool = False) -> None:
        """Opens the GET that the server writes to."""
        self.drop()
        query = {"VER": "8", "RID": "rpc", "SID": self.sid, "CI": "1" if once else "0", "TYPE": "xmlhttp"}
        query["AID"] = str(self.last_id if aid is None else aid)
        self._get = http.client.HTTPConnection(self.address, timeout=_SECONDS)
        self._get.request("GET", f"{self.path}?{urlencode(query)}", headers={"Origin": "http://localhost:5002"})
        self._response = self._get.getresponse()
        self._arrays = []

    @property
    def get_status(self) -> int:
        return int(self._response.status)

    def drop(self) -> None:
        """Cuts the GET off, as a lost connection does."""
        if self._get is not None:
            self._response.close()
            self._get.close()
            self._get = None

    def next_array(self) -> Any:
        """The next array [id, payload] that the server sends."""
        if not self._arrays:
            length = ""
            while not length.endswith("\n"):
                length += self._character()
            self._arrays = json.loads(self._units(int(length)))
        array = self._arrays.pop(0)
        self.last_id = array[0]
        return array

    def _units(self, wanted: int) -> str:
        """Text of so many UTF-16 units, which is what frames are measured in."""
        text, units = [], 0
        while units < wanted:
            text.append(self._character())
            units += 2 if ord(text[-1]) > 0xFFFF else 1
        return "".join(text)

    def _character(self) -> str:
        first = self._response.read(1)
        assert first, "the server ended the channel"
        more = 0 if first[0] < 0x80 else 1 if first[0] < 0xE0 else 2 if first[0] < 0xF0 else 3
        return bytes(first + (self._response.read(more) if more else b"")).decode()

    def next(self) -> Any:
        """The next message, noops passed over; ["close"] and the like come as they are."""
        while (payload := self.next_array()[1]) == ["noop"]:
            pass
        return payload[0]

    def rest(self) -> bytes:
        """Everything that the server still sends before it ends the GET."""
        return bytes(self._response.read())

    @staticmethod
    def headers_of(address: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, str, Any]:
        connection = http.client.HTTPConnection(address, timeout=_SECONDS)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode(), response.headers
        finally:
            connection.close()

    def ended(self) -> bool:
        """Whether the server has ended the GET after what was read."""
        return not self._arrays and self._response.read(1) == b""

    def terminate(self) -> int:
        status, _ = self._post({"SID": self.sid, "TYPE": "terminate"}, ())
        return status

    def _post(self, query: dict[str, str], messages: Any, *, with_headers: bool = False) -> tuple[int, str]:
        self._rid += 1
        full = {"VER": "8", "database": self.database, "RID": str(self._rid), **query}
        body = {"count": str(len(messages)), "ofs": str(self._sent)}
        if with_headers:
            lines = ["Content-Type:text/plain"]
            if self.authorization:
                lines.append(f"Authorization:Bearer {self.authorization}")
            body["headers"] = "".join(f"{line}\r\n" for line in lines)
        for position, message in enumerate(messages):
            body[f"req{position}___data__"] = json.dumps({"database": self.database, **message})
        self._sent += len(messages)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://localhost:5002"}
        return http_call(self.address, "POST", f"{self.path}?{urlencode(full)}", urlencode(body), headers)


class Shown:
    """What a browser would show: the documents of each target, as the messages leave them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.targets: dict[int, dict[str, Any]] = {}
        self.kinds: list[str] = []

    def until(self, **wanted: list[str]) -> None:
        """Reads until a consistent snapshot shows these ids, given as t2=["a"] for target 2."""
        while True:
            kind = self.take(self._browser.next())
            shown = {f"t{target}": sorted(documents) for target, documents in self.targets.items()}
            if kind == "SNAPSHOT" and all(shown.get(target) == ids for target, ids in wanted.items()):
                return

    def take(self, message: dict[str, Any]) -> str:
        """Takes one message in; answers its kind."""
        kind = self._change(message["targetChange"]) if "targetChange" in message else self._document(message)
        self.kinds.append(kind)
        return kind

    def resume(self, earlier: Shown) -> None:
        """Begins with what an earlier stream showed, as a browser does when it hands in a resume token."""
        self.targets = {target: dict(documents) for target, documents in earlier.targets.items()}

    def _change(self, change: dict[str, Any]) -> str:
        kind, ids = change.get("targetChangeType", "NO_CHANGE"), change.get("targetIds", [])
        for target in ids:
            if kind == "RESET" or target not in self.targets:
                self.targets[target] = {}
        return "SNAPSHOT" if kind == "NO_CHANGE" and not ids else str(kind)

    def _document(self, message: dict[str, Any]) -> str:
        [(kind, body)] = message.items()
        name = body["document"]["name"] if kind == "documentChange" else body["document"]
        document_id = name.rpartition("/")[2]
        for target in body.get("targetIds", []):
            self.targets[target][document_id] = body["document"]
        for target in body.get("removedTargetIds", []):
            self.targets[target].pop(document_id, None)
        return str(kind)


def query_target(browser: Browser, target_id: int, collection: str, **query: Any) -> dict[str, Any]:
    """An addTarget for a whole collection below the root or a document."""
    parent, _, collection_id = collection.rpartition("/")
    root = f"{browser.database}/documents"
    structured = {"from": [{"collectionId": collection_id}], **query}
    target = {"parent": f"{root}/{parent}" if parent else root, "structuredQuery": structured}
    return {"addTarget": {"targetId": target_id, "query": target}}


def rest_path(project: str, tail: str) -> str:
    return f"/v1/projects/{project}/databases/(default)/documents{quote(tail)}"


def random_id() -> str:
    return secrets.token_hex(6)


def _unframe(text: str) -> str:
    length, _, rest = text.partition("\n")
    assert len(rest) == int(length), text
    return rest
