"""Plays a program on a server, over raw gRPC and with every step as its own user, and tells the canonical answers."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import grpc

from local.firestore import pb
from tests.differential.firestore import canonical
from tests.differential.firestore.listening import Listening
from tests.differential.firestore.program import COMMIT_TIME, DATABASE, KNOWN_TIME, Program, Step

SERVICE = "google.firestore.v1.Firestore"
_SECONDS = 30
VENDORS_ATTEMPTS = 15  # now and then, and more on a busy machine, the vendor's emulator cuts a message short
_NO_TRANSACTION = b"no such transaction"
_STREAMS = {"RunQuery", "RunAggregationQuery", "BatchGetDocuments"}
_CLAIMS: dict[str, dict[str, Any]] = {
    "ann": {"email": "ann@example.org", "email_verified": True, "role": "user"},
    "bob": {"email": "bob@example.org", "email_verified": False, "role": "admin"},
}


def authorization(user: str) -> list[tuple[str, str]]:
    """The metadata that a call as this user carries."""
    headers = [("google-cloud-resource-prefix", DATABASE)]
    if user == "owner":
        return [*headers, ("authorization", "Bearer owner")]
    if user == "nobody":
        return headers
    claims = {"sub": user, "user_id": user, "iat": 0, "exp": 3600, "aud": "demo-differential", **_CLAIMS[user]}
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return [*headers, ("authorization", f"Bearer {token}.")]


def play(address: str, program: Program, attempts: int = 1) -> list[Any]:
    """The canonical answer to each step of a program, on an emptied database; so often, while a stream breaks."""
    for _ in range(attempts):
        with contextlib.suppress(grpc.RpcError), player(address) as playing:
            return [playing.take(number, step) for number, step in enumerate(program.steps)]
    raise AssertionError(f"{program.kind} {program.seed}: the listening stream broke, {attempts} times")


@contextlib.contextmanager
def player(address: str) -> Iterator[Player]:
    """A player on an emptied database without rules for users."""
    http_call(address, "DELETE", f"/emulator/v1/{DATABASE}/documents")
    with grpc.insecure_channel(address) as channel:
        playing = Player(address, channel)
        try:
            yield playing
        finally:
            playing.close()


class Player:
    """One run of one program."""

    def __init__(self, address: str, channel: grpc.Channel) -> None:
        self._address = address
        self._channel = channel
        self._times = canonical.Times()
        self._transactions: list[bytes] = []
        self._listening: dict[str, Listening] = {}

    def close(self) -> None:
        for listening in self._listening.values():
            listening.close()
        for transaction in self._transactions:  # its locks would be in the way of the next program
            self.end(transaction)

    def end(self, transaction: bytes) -> None:
        """Rolls a transaction back, whether it is open or not."""
        with contextlib.suppress(grpc.RpcError):
            self.call("Rollback", pb.rpc_message("RollbackRequest")(database=DATABASE, transaction=transaction))

    def take(self, number: int, step: Step) -> Any:
        """The answer to one step; with listeners open, also what each of them was shown by it."""
        answer = self._take(number, step)
        for user, listening in self._listening.items():
            self._send_beat(listening.beat())
            if seen := listening.seen():
                answer = {**answer, f"seen by {user}": seen}
        return answer

    def _take(self, number: int, step: Step) -> dict[str, Any]:
        if step.method == "Rules":
            return {"rules": self._load_rules(step.request)}
        try:
            if step.method in {"Follow", "Leave"}:
                self._listen(step)
                return {}
            request = self._resolved(step)
            answer = self.call(step.method, request, step.user)
            if step.method == "ListDocuments":
                answer = self._pages(request, answer, step.user)
            return dict(_TELLERS[step.method](self, number, answer))
        except grpc.RpcError as problem:
            if step.method == "BeginTransaction":
                self._transactions.append(_NO_TRANSACTION)
            return {"error": problem.code().name, "message": problem.details()}

    def _pages(self, request: Any, answer: Any, user: str) -> list[Any]:
        """The documents of this page and all that follow."""
        documents = list(answer.documents)
        while answer.next_page_token:
            request.page_token = answer.next_page_token
            answer = self.call("ListDocuments", request, user)
            documents += answer.documents
        return documents

    def call(self, method: str, request: Any, user: str = "owner") -> Any:
        """One call; a list for methods that answer with a stream. Raises grpc.RpcError."""
        response = _PLAIN.get(method) or pb.rpc_message(f"{method}Response")
        make = self._channel.unary_stream if method in _STREAMS else self._channel.unary_unary
        stub = make(f"/{SERVICE}/{method}", lambda message: message.SerializeToString(), response.FromString)
        answer = stub(request, metadata=authorization(user), timeout=_SECONDS)
        return list(answer) if method in _STREAMS else answer

    def _listen(self, step: Step) -> None:
        if step.user not in self._listening:
            self._listening[step.user] = Listening(self._channel, authorization(step.user), DATABASE)
        self._listening[step.user].send(step.request)

    def _send_beat(self, write: Any) -> None:
        self.call("Commit", pb.rpc_message("CommitRequest")(database=DATABASE, writes=[write]))

    def _load_rules(self, text: str) -> str:
        body = json.dumps({"rules": {"files": [{"content": text}]}})
        status = http_call(self._address, "PUT", "/emulator/v1/projects/demo-differential:securityRules", body)
        return "loaded" if status == 200 else "refused"

    def _resolved(self, step: Step) -> Any:
        """The request with this run's times and transactions in the place of their names."""
        request = type(step.request)()
        request.CopyFrom(step.request)
        for message in [*getattr(request, "writes", ()), request]:
            condition = getattr(message, "current_document", None)
            if condition is not None and condition.update_time.seconds == KNOWN_TIME:
                condition.update_time.CopyFrom(self._update_time(message) or condition.update_time)
        for holder in (request, *_options(request)):
            if getattr(holder, "transaction", b""):
                holder.transaction = self._transaction(holder.transaction)
            if (
                hasattr(holder, "read_time")
                and holder.HasField("read_time")
                and holder.read_time.seconds == COMMIT_TIME
            ):
                moment = self._times.of_step(holder.read_time.nanos)
                holder.read_time.CopyFrom(moment) if moment else holder.ClearField("read_time")
        return request

    def _transaction(self, name: bytes) -> bytes:
        number = int(name[1:])
        return self._transactions[number] if number < len(self._transactions) else _NO_TRANSACTION

    def _update_time(self, message: Any) -> Any:
        name = _name_of(message)
        request = pb.rpc_message("BatchGetDocumentsRequest")(database=DATABASE, documents=[name])
        [found] = self.call("BatchGetDocuments", request)
        return found.found.update_time if found.HasField("found") else None

    def _committed(self, number: int, answer: Any) -> dict[str, Any]:
        if answer.write_results:
            self._times.learn(number, answer.commit_time)
        return {"results": [self._result(result) for result in answer.write_results]}

    def _result(self, result: Any) -> Any:
        name = self._times.name(result.update_time) if result.HasField("update_time") else "none"
        values = [canonical.value(value) for value in result.transform_results]
        return [name, *values]

    def _batched(self, number: int, answer: Any) -> dict[str, Any]:
        for position, result in enumerate(answer.write_results):
            if result.HasField("update_time"):
                self._times.learn(number, result.update_time, f"c{number}.{position}")
        codes = [status.code for status in answer.status]
        return {"results": [self._result(each) for each in answer.write_results], "codes": codes}

    def _stored(self, number: int, answer: Any) -> dict[str, Any]:
        self._times.learn(number, answer.update_time)
        return canonical.document(answer, self._times)

    def _many(self, _number: int, answer: Any) -> dict[str, Any]:
        found = [canonical.document(each.found, self._times) for each in answer if each.HasField("found")]
        missing = [canonical.relative(each.missing) for each in answer if each.missing]
        self._remember(answer)
        return {"found": sorted(found, key=lambda each: each["path"]), "missing": sorted(missing)}

    def _queried(self, _number: int, answer: Any) -> dict[str, Any]:
        self._remember(answer)
        found = [canonical.document(each.document, self._times) for each in answer if each.HasField("document")]
        return {"found": found, "skipped": sum(each.skipped_results for each in answer)}

    def _aggregated(self, _number: int, answer: Any) -> dict[str, Any]:
        self._remember(answer)
        return {"result": canonical.fields(answer[0].result.aggregate_fields)}

    def _listed(self, _number: int, answer: Any) -> dict[str, Any]:
        return {"documents": [canonical.document(each, self._times) for each in answer]}

    def _begun(self, _number: int, answer: Any) -> dict[str, Any]:
        self._transactions.append(answer.transaction)
        return {"begun": len(self._transactions) - 1}

    def _remember(self, answers: Any) -> None:
        self._transactions += [each.transaction for each in answers if each.transaction]


def _options(request: Any) -> list[Any]:
    found = []
    for name in ("options", "new_transaction"):
        options = getattr(request, name, None)
        if options is not None and options.WhichOneof("mode") == "read_only":
            found.append(options.read_only)
    return found


def _name_of(message: Any) -> str:
    for kind in ("update", "document"):
        if hasattr(message, kind) and getattr(message, kind).name:
            return str(getattr(message, kind).name)
    if getattr(message, "delete", ""):
        return str(message.delete)
    return str(message.transform.document if hasattr(message, "transform") else message.name)


def http_call(address: str, method: str, path: str, body: str | None = None) -> int:
    """One HTTP call; answers its status."""
    connection = http.client.HTTPConnection(address, timeout=_SECONDS)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def _empty() -> Any:
    from google.protobuf.empty_pb2 import Empty

    return Empty


_PLAIN = {
    "GetDocument": pb.Document, "CreateDocument": pb.Document, "UpdateDocument": pb.Document,
    "DeleteDocument": _empty(), "Rollback": _empty(),
}  # fmt: skip
_TELLERS: dict[str, Any] = {
    "Commit": Player._committed,
    "BatchWrite": Player._batched,
    "CreateDocument": Player._stored,
    "UpdateDocument": Player._stored,
    "DeleteDocument": lambda _player, _number, _answer: {},
    "Rollback": lambda _player, _number, _answer: {},
    "GetDocument": lambda player, _number, answer: canonical.document(answer, player._times),
    "BatchGetDocuments": Player._many,
    "RunQuery": Player._queried,
    "RunAggregationQuery": Player._aggregated,
    "ListDocuments": Player._listed,
    "ListCollectionIds": lambda _player, _number, answer: {"ids": list(answer.collection_ids)},
    "BeginTransaction": Player._begun,
}
