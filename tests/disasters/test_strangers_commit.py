"""A commit that nobody acknowledged, by a mirror that died, is never skipped over.

Found by the model check: what a mirror had read after a cut line was its own document and the head. The head had been
moved by a dead mirror's commit that made another row; moving it on without having read that row too made mirror state
newer than a commit nobody knew of, and the row, removed since, stayed in Firestore for ever.
"""

from __future__ import annotations

import signal

import grpc


def test_a_row_made_by_a_dead_mirror_and_removed_since_does_not_stay(
    books, mirrored, running_mirror, run_mirror, gate, eventually, clean, assert_mirrored
):
    ada = books()
    rows = ada.add(1)
    mirrored()
    gate.hold_next(then_closed=True)
    ada.annotate(rows[0], "held back")
    running_mirror(host=gate.address, sweep_seconds=0.2)
    eventually(lambda: gate.held)  # it will read this row and the head, and nothing else
    ada.sql("update owners set dirty_since = now() - interval '1 hour'")  # whoever comes takes it without the lock
    (row,) = ada.add(1, on="2026-06-01")

    assert run_mirror("mirror:committed") == -signal.SIGKILL
    ada.remove(row)
    gate.is_down = False
    eventually(clean, 60)

    assert_mirrored()
    assert gate.release() == [grpc.StatusCode.FAILED_PRECONDITION]
    assert_mirrored()
