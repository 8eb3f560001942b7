"""The head guards what its update time can guard: it is made first and alone, and every write of it is another."""

from __future__ import annotations

from datetime import UTC, datetime

from sync.mirror.changes import Held, Version
from sync.mirror.commits import look
from sync.mirror.firestore import Firestore


def of_head(gate) -> list[bytes]:
    """Every head that was sent, as bytes, in order."""
    heads = []
    for seen in gate.seen:
        for write in seen.request.writes:
            if write.update.name.endswith("/documents/users/ada"):
                heads.append(write.update.SerializeToString(deterministic=True))
    return heads


def test_the_first_commit_of_an_owner_is_the_head_alone(books, mirrored, gate):
    """What else it made would be guarded by `exists: false` alone, which a deletion makes true again."""
    ada = books()
    ada.add(3)

    mirrored(host=gate.address)

    assert gate.seen[0].paths == ["users/ada"]
    assert len(gate.seen[1].paths) > 3


def test_no_head_is_ever_written_twice_alike(books, mirrored, gate, monkeypatch):
    """A write that changes nothing leaves the update time as it is, and would fence off nothing.

    An import in parts: as long as marks of its one version are left, the head has nothing new to tell.
    """
    monkeypatch.setattr("sync.mirror.pacing.Ramp.room", lambda ramp, now, most: 4)
    ada = books()
    ada.add(20, on="2026-06-01")

    mirrored(host=gate.address)

    sent = of_head(gate)
    assert len(sent) > 4
    assert len(set(sent)) == len(sent)


class _Noting(Firestore):
    """Notes which documents are asked for, call by call."""

    asked: list[list[str]]

    def read(self, paths):
        wanted = list(paths)
        self.asked.append(wanted)
        return super().read(wanted)


def test_after_a_refusal_the_head_is_read_before_the_rest(books, mirrored, firestore_server):
    """Then what is known of the rest is at least as new as the head, by which it will be acknowledged (rule 2.5)."""
    ada = books()
    rows = ada.add(2)
    mirrored()
    firestore = _Noting(project=firestore_server.project, emulator_host=firestore_server.address)
    firestore.asked = []
    held = Held(datetime(2026, 1, 1, tzinfo=UTC), False, b"", Version(1, 1))
    paths = [ada.path("transactions", rows[0]), "users/ada", ada.path("transactions", rows[1])]

    outcome = look(firestore, "users/ada", dict.fromkeys(paths, held))
    firestore.close()

    assert firestore.asked == [["users/ada"], [paths[0], paths[2]]]
    assert all(seen.update_time is not None for seen in outcome.observed.values())
