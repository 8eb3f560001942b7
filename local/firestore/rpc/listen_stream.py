"""A Listen stream for one call: the first request names the database, all go to its session."""

from __future__ import annotations

from collections.abc import Callable

from local.firestore import pb
from local.firestore.listen.session import ListenSession
from local.firestore.names import check_database
from local.firestore.rpc.call import Call


class ListenStream:
    """The server's side of one Listen stream; `send` carries its answers."""

    def __init__(self, call: Call, send: Callable[[pb.ListenResponse], None]) -> None:
        self._call = call
        self._send = send
        self._session: ListenSession | None = None

    async def receive(self, request: pb.ListenRequest) -> None:
        """Takes a request in; raises FirestoreError when the stream must end."""
        if self._session is None:
            site = self._call.within(check_database(request.database))
            faults = site.engine.faults
            self._session = ListenSession(
                site.database, site.gate, lambda answer: None if faults.mute else self._send(answer)
            )
        self._session.receive(request)

    def close(self) -> None:
        """Ends all targets; safe to call twice."""
        if self._session is not None:
            self._session.close()
