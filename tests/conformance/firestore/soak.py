"""`make soak-firestore`: 200 listeners and 20 writers on one local Firestore for SOAK_MINUTES (10), bounded.

Half of the listeners are browsers (WebChannel), half admins (gRPC); they follow collections, windows and single
documents, and now and then one loses its connection and comes back. Each commit must be one step for each listener
that stayed: a number that is passed over is a lost event. In the end every listener must show what a fresh query
finds, and none may be left when all have gone. A line every ten seconds: commits, events, what the server holds in
memory. Exit status 1 for a problem.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import grpc
from google.protobuf import json_format

from local.firestore import pb
from tests.conformance.firestore.process import Process

DATABASE = "projects/demo-soak/databases/(default)"
ROOT = f"{DATABASE}/documents"
_SERVICE = "/google.firestore.v1.Firestore"
_OWNER = (("authorization", "Bearer owner"),)
_NEWEST_FIRST = [{"field": {"fieldPath": "n"}, "direction": "DESCENDING"}]
_SETTLE_SECONDS = 60
_WATCH_SECONDS = 10
_TARGET = 2


@dataclass
class Screen:
    """What one listener shows, and whether it has missed a step."""

    collection: str
    kind: str
    documents: dict[str, int] = field(default_factory=dict)
    token: str | None = None
    step: int | None = None
    events: int = 0
    problems: list[str] = field(default_factory=list)

    def target(self) -> dict[str, Any]:
        """The addTarget that it sends, with its token if it has been here before."""
        if self.kind == "document":
            asked: dict[str, Any] = {"documents": {"documents": [f"{ROOT}/{self.collection}/last"]}}
        else:
            window = {"orderBy": _NEWEST_FIRST, "limit": 3} if self.kind == "window" else {}
            query = {"from": [{"collectionId": self.collection}], **window}
            asked = {"query": {"parent": ROOT, "structuredQuery": query}}
        return {"targetId": _TARGET, **asked, **({"resumeToken": self.token} if self.token else {})}

    def lost(self) -> None:
        """The connection is gone: the next step may be any later one."""
        self.step = None

    def take(self, message: dict[str, Any]) -> None:
        """Takes one answer in."""
        if (change := message.get("targetChange")) is not None:
            self._change(change)
        elif (changed := message.get("documentChange")) is not None:
            self.events += 1
            name = changed["document"]["name"].rpartition("/")[2]
            if _TARGET in changed.get("targetIds", []):
                self.documents[name] = int(changed["document"]["fields"]["n"]["integerValue"])
            else:
                self.documents.pop(name, None)
        elif (deleted := message.get("documentDelete")) is not None:
            self.events += 1
            self.documents.pop(deleted["document"].rpartition("/")[2], None)
        else:
            self.problems.append(f"not understood: {message}")

    def _change(self, change: dict[str, Any]) -> None:
        kind = change.get("targetChangeType", "NO_CHANGE")
        if kind == "RESET":
            self.documents.clear()
        elif kind == "REMOVE":
            self.problems.append(f"the target was removed: {change}")
        elif kind == "NO_CHANGE" and not change.get("targetIds"):
            self.token = change.get("resumeToken", self.token)
            self._step(self.documents.get("last"))

    def _step(self, now: int | None) -> None:
        if self.step is not None and now is not None and now not in (self.step, self.step + 1):
            self.problems.append(f"{self.kind} of {self.collection} went from {self.step} to {now}")
        self.step = now


class Soak:
    """Writers and listeners on one server; `run` answers what went wrong."""

    def __init__(self, process: Process, listeners: int, writers: int, seed: int) -> None:
        self._process = process
        self._random = random.Random(seed)
        kinds = ("collection", "window", "document")
        self.screens = [Screen(f"c{n % writers}", kinds[n // writers % 3]) for n in range(listeners)]
        self._writers = writers
        self._lines: dict[int, asyncio.Task[None]] = {}
        self._handshakes: set[asyncio.Task[str]] = set()
        self.commits = self.cuts = 0
        self.memory: list[int] = []

    async def run(self, minutes: float, commits_each: int | None = None) -> list[str]:
        """Writes for so long, or so often; every listener must then show what is there."""
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=_NO_TIMEOUT) as self._http,
            grpc.aio.insecure_channel(self._process.address) as self._channel,
        ):
            for number in range(len(self.screens)):
                self._connect(number)
            until = time.monotonic() + 60 * minutes
            watching = [asyncio.create_task(work()) for work in (self._watch, self._cut_lines)]
            await asyncio.gather(*(self._write(one, until, commits_each) for one in range(self._writers)))
            for task in watching:
                task.cancel()
            problems = await self._settled()
            self.memory.append(self._process.resident_megabytes())
            for line in self._lines.values():
                line.cancel()
            await asyncio.gather(*self._lines.values(), return_exceptions=True)
            return problems + await self._left_behind()

    @property
    def events(self) -> int:
        return sum(screen.events for screen in self.screens)

    # --- writers ------------------------------------------------------------------------------------------------

    async def _write(self, writer: int, until: float, most: int | None) -> None:
        commit = self._channel.unary_unary(f"{_SERVICE}/Commit")
        step, chance = 0, random.Random(self._random.random())
        while time.monotonic() < until and (most is None or step < most):
            step += 1
            request = pb.rpc_message("CommitRequest")(database=DATABASE)
            _put(request, f"c{writer}/last", step)
            other = f"c{writer}/d{chance.randrange(10)}"
            if chance.random() < 0.3:
                request.writes.add(delete=f"{ROOT}/{other}")
            else:
                _put(request, other, step)
            await commit(request.SerializeToString(), metadata=_OWNER, timeout=30)
            self.commits += 1

    # --- listeners ----------------------------------------------------------------------------------------------

    def _connect(self, number: int) -> None:
        screen = self.screens[number]
        follow = self._browse if number % 2 else self._stream
        self._lines[number] = asyncio.create_task(self._guarded(screen, follow(screen)))

    async def _guarded(self, screen: Screen, following: Any) -> None:
        try:
            await following
            screen.problems.append("the stream ended by itself")
        except Exception as problem:
            screen.problems.append(f"{type(problem).__name__}: {problem}")

    async def _stream(self, screen: Screen) -> None:
        listen = self._channel.stream_stream(f"{_SERVICE}/Listen")
        call = listen(metadata=_OWNER)
        request = json_format.ParseDict({"database": DATABASE, "addTarget": screen.target()}, pb.ListenRequest())
        await call.write(request.SerializeToString())
        try:
            async for data in call:
                screen.take(json_format.MessageToDict(pb.ListenResponse.FromString(data)))
        finally:
            call.cancel()

    async def _browse(self, screen: Screen) -> None:
        path = f"http://{self._process.address}{_SERVICE}/Listen/channel"
        # Shielded: a line that is cut in the middle of it must be known for the good-bye.
        handshake = asyncio.create_task(self._handshake(f"{path}?VER=8&RID=1&CVER=22", screen.target()))
        self._handshakes.add(handshake)
        sid = await asyncio.shield(handshake)
        last = 0
        while True:
            query = {"VER": "8", "RID": "rpc", "SID": sid, "AID": str(last), "CI": "0", "TYPE": "xmlhttp"}
            async with self._http.get(f"{path}?{urlencode(query)}") as back:
                if back.status != 200:
                    raise AssertionError(f"the channel is gone: {back.status}")
                while length := await back.content.readline():
                    arrays = json.loads(await back.content.readexactly(int(length)))
                    last = arrays[-1][0]
                    for message in (one for _, payload in arrays for one in payload if isinstance(one, dict)):
                        screen.take(message)

    async def _handshake(self, path: str, target: dict[str, Any]) -> str:
        first = json.dumps({"database": DATABASE, "addTarget": target})
        form = {"headers": "Authorization:Bearer owner\r\n", "count": "1", "ofs": "0", "req0___data__": first}
        async with self._http.post(path, data=form) as answer:
            return str(json.loads((await answer.text()).partition("\n")[2])[0][1][1])

    async def _cut_lines(self) -> None:
        """Now and then a listener loses its connection and comes back with what it has."""
        while True:
            await asyncio.sleep(self._random.uniform(0.05, 0.5))
            number = self._random.randrange(len(self.screens))
            self._lines[number].cancel()
            await asyncio.gather(self._lines[number], return_exceptions=True)
            self.screens[number].lost()
            self.cuts += 1
            self._connect(number)

    # --- looking ------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        began = time.monotonic()
        while True:
            self.memory.append(self._process.resident_megabytes())
            _say(f"{time.monotonic() - began:4.0f} s: {self._told()}")
            await asyncio.sleep(_WATCH_SECONDS)

    def _told(self) -> str:
        return f"{self.commits} commits, {self.events} events, {self.memory[-1]} MB"

    async def _settled(self) -> list[str]:
        """Waits until all listeners show what fresh queries find; answers who does not, and who missed a step."""
        until = time.monotonic() + _SETTLE_SECONDS
        wanted = {(one.collection, one.kind): await self._fresh(one) for one in self.screens}
        while late := [one for one in self.screens if one.documents != wanted[one.collection, one.kind]]:
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.05)
        missed = [f"{one.kind} of {one.collection} shows {one.documents}" for one in late]
        return missed + [problem for screen in self.screens for problem in screen.problems]

    async def _left_behind(self) -> list[str]:
        """Says good-bye for all browsers; answers whether the server still follows anything for anybody."""
        server = f"http://{self._process.address}"
        for sid in await asyncio.gather(*self._handshakes):
            path = f"{server}{_SERVICE}/Listen/channel?VER=8&RID=9&SID={sid}&TYPE=terminate"
            async with self._http.post(path) as answer:
                await answer.read()
        until = time.monotonic() + _SETTLE_SECONDS
        while True:
            async with self._http.get(f"{server}/_local/stats") as answer:
                left = (await answer.json())["listening"]
            if not left or time.monotonic() > until:
                return [f"{left} targets are followed for nobody"] if left else []
            await asyncio.sleep(0.05)

    async def _fresh(self, screen: Screen) -> dict[str, int]:
        run_query = self._channel.unary_stream(f"{_SERVICE}/RunQuery")
        asked = screen.target().get("query", {"structuredQuery": {"from": [{"collectionId": screen.collection}]}})
        query = {"parent": ROOT, "structuredQuery": asked["structuredQuery"]}
        request = json_format.ParseDict(query, pb.rpc_message("RunQueryRequest")())
        found = {}
        async for data in run_query(request.SerializeToString(), metadata=_OWNER):
            document = pb.rpc_message("RunQueryResponse").FromString(data).document
            if document.name:
                found[document.name.rpartition("/")[2]] = document.fields["n"].integer_value
        return {"last": found["last"]} if screen.kind == "document" else found


_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


def _put(request: Any, path: str, n: int) -> None:
    update = request.writes.add().update
    update.name = f"{ROOT}/{path}"
    update.fields["n"].integer_value = n
    update.fields["text"].string_value = "x" * 200


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)


def main() -> int:
    """Soaks; answers the exit status."""
    minutes, seed = float(os.environ.get("SOAK_MINUTES", "10")), int(os.environ.get("SOAK_SEED", "0"))
    with tempfile.TemporaryDirectory(prefix="firestore-soak-") as folder:
        process = Process(Path(folder) / "data", Path(folder) / "log")
        try:
            soak = Soak(process, listeners=200, writers=20, seed=seed)
            problems = asyncio.run(soak.run(minutes))
        finally:
            process.end(signal.SIGTERM)
        problems += process.log().splitlines()
    for problem in problems[:20]:
        _say(f"PROBLEM: {problem}")
    _say(f"{soak.commits} commits, {soak.events} events, {soak.cuts} connections lost, {len(problems)} problems")
    _say(f"memory after {_WATCH_SECONDS} seconds {soak.memory[1:2]} MB, at the end {soak.memory[-1]} MB")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
