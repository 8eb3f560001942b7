"""One Write stream: a handshake, then batches of writes, strictly in order; each batch is one commit.

Stream tokens are handed out but not asked back: a batch is committed before it is answered, so there is nothing
to resume. A refused batch ends the stream with its error, which is how clients are told.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from local.firestore import pb
from local.firestore.clock import stamp
from local.firestore.errors import invalid
from local.firestore.names import check_database
from local.firestore.rpc.call import Call, Site
from local.firestore.rpc.writes import apply, check_size


class WriteSession:
    """The server's side of one Write stream; `send` carries its answers."""

    def __init__(self, call: Call, send: Callable[[pb.WriteResponse], None]) -> None:
        self._call = call
        self._send = send
        self._site: Site | None = None
        self._answers = 0

    async def receive(self, request: pb.WriteRequest) -> None:
        """Takes a request in; the next one must wait for it. Raises FirestoreError when the stream must end."""
        if request.stream_id:
            raise invalid(f'There is no write stream "{request.stream_id}" to resume.')
        if self._site is None:
            if request.writes:
                raise invalid("The first request of a write stream must not hold writes.")
            self._site = self._call.within(check_database(request.database))
            self._send(pb.WriteResponse(stream_id=secrets.token_hex(8), stream_token=self._token()))
            return
        if request.database not in ("", self._site.database.name):
            raise invalid("A write stream writes to one database.")
        if not request.writes:  # what a client sends last
            self._send(pb.WriteResponse(stream_token=self._token()))
            return
        check_size(request)
        results, time = await apply(self._site, request.writes)
        answer = pb.WriteResponse(stream_token=self._token(), write_results=results)
        stamp(answer.commit_time, time)
        self._send(answer)

    def close(self) -> None:
        """Nothing to let go of."""

    def _token(self) -> bytes:
        self._answers += 1
        return str(self._answers).encode()
