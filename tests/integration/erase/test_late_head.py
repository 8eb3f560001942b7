"""The one document that nothing guards: a first head whose commit was delayed until after the head was deleted."""

from __future__ import annotations

import grpc

from sync.erase import erasures
from tests.fixtures.gate import Gate
from tests.integration.erase.conftest import WAIT, Scene


def test_a_first_head_that_lands_after_the_deletion_is_found_and_deleted(scene: Scene, gate: Gate) -> None:
    gate.holds = lambda seen: seen.paths == [scene.owner] and not gate.held
    scene.mirrored(host=gate.address)
    erasure = scene.ask()
    scene.drive(erasure)
    assert scene.documents() == {}

    landed = gate.release()
    back = set(scene.documents())
    scene.drive(erasure, scene.after(seconds=WAIT + 1))
    told = scene.drive(erasure, scene.after(seconds=2 * WAIT + 60))

    assert (landed, back) == ([grpc.StatusCode.OK], {scene.owner})
    assert told.step == "done"
    assert scene.documents() == {}
    assert erasures.find(scene.deps, erasure).record["deleted"]["cameBack"] == {"documents": 1}
