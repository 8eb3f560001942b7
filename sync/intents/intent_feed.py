"""Intents on their way from Firestore into the ledger: found, taken in turns, settled, deleted.

A listener on the collection group tells of new ones at once. Listeners of servers go silent without an error, so each
process writes a beat of its own into the group: one that does not even bring the beat is cut off and opened anew, and
a poll finds what no listener told. Nothing is lost or doubled by any of it, nor by any number of processes: once is
once by the ledger's key (intents.py). An intent's document is deleted after its ledger transaction, under the update
time that was seen; one that is gone was deleted by somebody else. Called by the intents process of `workers`.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sync import log, tracing
from sync.deps import Deps
from sync.errors import DatabaseBusy, DatabaseUnavailable, FirestoreError, FirestoreRefused, UserErased, UserNotFound
from sync.intents.intent_envelope import Intent, read_intent
from sync.intents.intents import Answered, Waits, refuse_flood, settle
from sync.intents.turns import HELD, Turns
from sync.mirror import wire
from sync.mirror.encode import delete_write, encode, get_time
from sync.mirror.firestore import Listening
from sync.steps import step

_log = log.get(__name__)

GROUP = "intents"
_ORDER = "createdAt"
_PAGE = 300
_DELETED_AT_ONCE = 200
_BEATS_IN_SILENCE = 4
_OLD_BEAT = timedelta(hours=1)
_PAUSE = {"first": 0.2, "longest": 30.0}


class IntentFeed:
    """One process's feed. Runs once: one that has returned is spent."""

    def __init__(self, deps: Deps) -> None:
        assert deps.firestore is not None
        self.counts: Counter[str] = Counter()
        self._deps, self._firestore = deps, deps.firestore
        self._turns = Turns()
        self._stopping = threading.Event()
        self._listening: Listening | None = None
        self._heard = time.monotonic()
        self._beat_name = self._firestore.name(f"beats/{secrets.token_hex(8)}/{GROUP}/beat").encode()

    def stop(self) -> None:
        """Ends `run` soon; what is under way is finished. Safe from signal handlers and other threads, and twice."""
        self._stopping.set()

    def run(self) -> None:
        """Feeds until stopped. Neither a lost database nor a lost Firestore ends it."""
        threads = [threading.Thread(target=self._listen, name="intents listener", daemon=True)]
        for number in range(self._deps.settings.intent_concurrency):
            threads.append(threading.Thread(target=self._work, name=f"intents {number}", daemon=True))
        for thread in threads:
            thread.start()
        try:
            self._watch()
        finally:
            self._stopping.set()
            self._turns.close()
            self._hang_up()
            for thread in threads:
                thread.join()
            self._try("beat", lambda: self._firestore.commit([wire.delete(self._beat_name, b"")]))

    # --- listening ---

    def _listen(self) -> None:
        pause = _PAUSE["first"]
        while not self._stopping.is_set():
            try:
                self._heard = time.monotonic()
                self._listening = self._firestore.listen_to_group(GROUP)
                for document in self._listening:
                    self._heard, pause = time.monotonic(), _PAUSE["first"]
                    self._take(document)
            except FirestoreError as error:
                _log.warning("intents_listener_lost", code=error.code, reason=str(error))
            self._stopping.wait(pause)
            pause = min(pause * 2, _PAUSE["longest"])

    def _hang_up(self) -> None:
        if self._listening is not None:
            self._listening.close()

    def _take(self, document: Any) -> None:
        path = self._firestore.path(document.name)
        intent = read_intent(path, document)
        if intent is not None:
            self._turns.add(intent)
        elif path.startswith("beats/"):
            self._forget_old_beat(document)
        elif path.startswith("users/"):
            self.counts["unreadable"] += 1
            self._delete([(path, get_time(document.update_time))])

    def _forget_old_beat(self, document: Any) -> None:
        """A process that was killed leaves its beat behind."""
        written = get_time(document.update_time)
        if self._deps.now() - written > _OLD_BEAT:
            self._delete([(self._firestore.path(document.name), written)])

    # --- what stands behind the listener ---

    def _watch(self) -> None:
        settings = self._deps.settings
        beat_every = settings.intent_silence_seconds / _BEATS_IN_SILENCE
        next_beat, next_poll = 0.0, time.monotonic() + settings.sweep_seconds
        while not self._stopping.wait(min(0.5, beat_every / 2)):
            now = time.monotonic()
            if now >= next_beat:
                next_beat = now + beat_every
                self._try("beat", self._send_beat)
            if now - self._heard > settings.intent_silence_seconds:
                self.counts["reopened"] += 1
                self._heard = now
                _log.warning("intents_listener_silent", seconds=settings.intent_silence_seconds)
                self._hang_up()
            if now >= next_poll:
                self._try("poll", self._poll)
                next_poll = time.monotonic() + settings.sweep_seconds

    def _send_beat(self) -> None:
        self._firestore.commit([wire.update(encode({_ORDER: self._deps.now()}).body, self._beat_name, b"")])

    def _poll(self) -> None:
        """Reads the whole group in order of arrival, page by page."""
        last = None
        while not self._stopping.is_set():
            page = self._firestore.in_order("", GROUP, _ORDER, _PAGE, after=last)
            for document in page:
                self._take(document)
            if len(page) < _PAGE:
                return
            last = page[-1]

    def _refill(self, user_id: str) -> None:
        page = self._firestore.in_order(f"users/{user_id}", GROUP, _ORDER, HELD)
        for document in page:
            self._take(document)
        if len(page) == HELD:
            self._turns.overflow(user_id)

    # --- settling ---

    def _work(self) -> None:
        while not self._stopping.is_set():
            turn = self._turns.take(seconds=1.0)
            if turn:
                self._serve(turn)

    def _serve(self, turn: list[Intent]) -> None:
        user_id = turn[0].user_id
        done: list[Intent] = []
        again: list[Intent] = []
        after = 0.0
        try:
            again, after = self._settle_all(turn, done)
        except (DatabaseUnavailable, DatabaseBusy) as error:
            _log.warning("intents_wait", code=error.code)
            again, after = [one for one in turn if one not in done], _PAUSE["longest"] / 10
        except Exception as error:  # a bug must cost this user's turn, not the process
            _log.error("intents_turn_failed", user=user_id, exc_info=error)
            again, after = [one for one in turn if one not in done], _PAUSE["longest"]
        if done:
            step("intents:committed")
        self._try("delete", lambda: self._delete([(one.path, one.update_time) for one in done]))
        if self._turns.finish(user_id, again, after):
            self._try("refill", lambda: self._refill(user_id))

    def _settle_all(self, turn: Sequence[Intent], done: list[Intent]) -> tuple[list[Intent], float]:
        """Settles what can be settled and notes it in `done`; answers what waits, and for how long."""
        waits: list[Intent] = []
        after = _PAUSE["longest"]
        for place, intent in enumerate(turn):
            answer = self._settle(intent)
            if isinstance(answer, Waits):
                waits.append(intent)
                after = min(after, answer.seconds)
                continue
            done.append(intent)
            if answer is not None and answer.reason == "intents-too-many":
                rest = [*turn[place + 1 :], *self._turns.take_rest(intent.user_id)]
                refuse_flood(self._deps, intent.user_id, rest)
                self.counts["rejected"] += len(rest)
                done += rest
                break
        return waits, after

    def _settle(self, intent: Intent) -> Answered | Waits | None:
        """Settles one; None for somebody without a ledger, or who is being erased: it can change nothing any more."""
        step("intents:found")
        try:
            with tracing.under(tracing.begin("intent", began_at=intent.created_at)):
                answer = settle(self._deps, intent)
        except (UserNotFound, UserErased):
            self.counts["ownerless"] += 1
            return None
        if isinstance(answer, Answered):
            self.counts["again" if answer.again else answer.outcome] += 1
        return answer

    def _delete(self, seen: Sequence[tuple[str, datetime]]) -> None:
        """Deletes documents as they were seen, in one commit; where one has changed or is gone, one by one."""
        writes = [delete_write(self._firestore.name(path), update_time) for path, update_time in seen]
        for start in range(0, len(writes), _DELETED_AT_ONCE):
            self._delete_all(writes[start : start + _DELETED_AT_ONCE])

    def _delete_all(self, writes: Sequence[bytes]) -> None:
        try:
            self._firestore.commit(writes)
        except FirestoreRefused:
            for write in writes:
                self._delete_one(write)

    def _delete_one(self, write: bytes) -> None:
        try:
            self._firestore.commit([write])
        except FirestoreRefused:
            self.counts["gone"] += 1  # what was written anew meanwhile, the poll finds

    def _try(self, what: str, work: Callable[[], object]) -> None:
        """Firestore may be away: what was not done now is done by the next round, or by another process."""
        try:
            work()
        except FirestoreError as error:
            _log.warning("intents_firestore", what=what, code=error.code)
