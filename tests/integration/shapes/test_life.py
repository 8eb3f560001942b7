"""The whole life of a shape with traffic: built, verified, flipped to, the old one swept; two mirrors, writers."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

import pytest
from click.testing import CliRunner

from sync.errors import ShapeRefused, ShapeUnknown
from sync.shapes import reshape
from tests.disasters.test_two_mirrors import write
from tests.fixtures.shapes import TWO_SHAPES, untold
from workers.cli import livespend


def test_a_shape_is_built_flipped_to_and_swept_under_traffic(
    books, running_mirror, shaped, assert_shape, database, eventually, clean
):
    people = [books(name) for name in ("ada", "bob", "cyd")]
    rows = {person.user: person.add(6) for person in people}
    for _ in range(2):
        running_mirror(shapes=TWO_SHAPES, sweep_seconds=0.3)
    ended = threading.Event()

    def edit(person):
        while not ended.is_set():
            write(database.url(), person, rows[person.user])

    writers = [threading.Thread(target=edit, args=(person,)) for person in people]
    for writer in writers:
        writer.start()
    try:
        states = [
            reshape.build(shaped, 2, untold).live.state,
            reshape.flip(shaped, untold).live.state,
            reshape.sweep(shaped, untold).live.state,
        ]
    finally:
        ended.set()
        for writer in writers:
            writer.join(60)
    eventually(clean, 60)

    assert states == ["verified", "flipped", "still"]
    assert_shape(2)


def test_what_is_built_is_written_once_and_nothing_of_the_old_shape(books, running_mirror, shaped, firestore_server):
    """The estimate of a ledger that stands still is exact."""
    from sync.shapes.reshape_cost import estimate

    ada = books()
    ada.add(5)
    ada.add(2, on="2026-10-01")
    mirror = running_mirror(shapes=TWO_SHAPES)
    reshape_deps = shaped
    _until_mirrored(reshape_deps)
    plan = {step.step: step for step in estimate(shaped, 2).steps}

    def counted(work):
        before = firestore_server.stats()
        work()
        after = firestore_server.stats()
        return after["requested"] - before["requested"] - (after["deletes"] - before["deletes"]), (
            after["deletes"] - before["deletes"]
        )

    built = counted(lambda: reshape.build(shaped, 2, untold))
    flipped = counted(lambda: reshape.flip(shaped, untold))
    swept = counted(lambda: reshape.sweep(shaped, untold))

    assert built == (plan["build"].writes, 0) == (7 + 2 + 1, 0)
    assert flipped == (plan["flip"].writes, 0) == (1, 0)
    assert swept == (plan["sweep"].writes, plan["sweep"].deletes) == (1, 9)
    assert mirror.counts["drift"] == 0


def _until_mirrored(deps):
    from tests.fixtures.mirror import eventually

    connection = deps.engine.raw_connection()
    cursor = connection.cursor()

    def done():
        cursor.execute("select count(*) from owners where dirty")
        (left,) = cursor.fetchone()
        connection.rollback()
        return left == 0

    eventually(done)
    connection.close()


PRICES = {"COST_PRICE_WRITES": "1", "COST_PRICE_DELETES": "10", "COST_PRICE_READS": "1000", "COST_LISTENERS": "3"}


@pytest.fixture
def shape_command(database, firestore_server, monkeypatch):
    """Runs `livespend mirror shape …` of the release that knows both shapes, with prices of its own."""
    servers = {
        "MIRROR_DATABASE_URL": database.url("mirror"), "FIREBASE_PROJECT_ID": firestore_server.project,
        "FIRESTORE_EMULATOR_HOST": firestore_server.address, "COST_CURRENCY": "EUR",
    }  # fmt: skip
    for name, value in (servers | PRICES).items():
        monkeypatch.setenv(name, value)

    def run(*arguments, answer=""):
        return CliRunner().invoke(livespend, ("mirror", "shape", *arguments), input=answer, obj=TWO_SHAPES)

    return run


def test_what_a_change_costs_is_told_before_it_is_begun(books, mirrored, shape_command, database):
    """Each kind of operation has another price, so that nothing can stand in for something else."""
    ada = books()
    ada.add(120)
    ada.add(2, on="2026-10-01")
    mirrored()
    documents = database.sql("select count(*) from mirror_state where not deleted")[0][0]

    told = json.loads(shape_command("plan", "2", "--json").stdout)
    asked = shape_command("build", "2", answer="n\n")

    cost = {step["step"]: Decimal(step["cost"]) * 100_000 for step in told["steps"]}
    assert cost == {
        "build": 122 + 2 + 1 + 3000 * 1,  # rows, months, the head, of which a page is told
        "verify": 1000 * (documents + 124),
        "flip": 1 + 3000 * (1 + 100 + 2),  # a page reads the newest rows and all months once more
        "sweep": 1 + 10 * 124 + 3000 * 1,
    }
    assert Decimal(told["cost"]) == sum(Decimal(step["cost"]) for step in told["steps"])
    assert told["currency"] == "EUR"
    assert f"{Decimal(told['cost']):.6f}" in asked.stderr
    assert database.sql("select state from live_shapes") == [("still",)]


def test_a_step_out_of_turn_is_refused_by_name(books, mirrored, shaped):
    books()
    mirrored()

    for step in (reshape.flip, reshape.sweep, reshape.abort):
        with pytest.raises(ShapeRefused):
            step(shaped, untold)
    with pytest.raises(ShapeRefused):
        reshape.build(shaped, 1, untold)
    with pytest.raises(ShapeUnknown):
        reshape.build(shaped, 3, untold)


@pytest.fixture
def built_and_marked(books, mirrored, stopped, shaped, database):
    """Shape 2 is built and not yet verified, and there is an edit that no mirror takes; answers its document."""
    ada = books()
    rows = ada.add(3)
    mirrored(shapes=TWO_SHAPES)
    stopped(reshape.build, 2)
    mirrored(shapes=TWO_SHAPES)
    database.sql("update live_shapes set state = 'built'")
    ada.annotate(rows[0], "never without a mark")
    return f"users/ada/transactions_v2/{rows[0]}"


def test_documents_that_are_always_marked_are_verified_by_what_a_mirror_committed(built_and_marked, shaped):
    reshape.build(shaped, 2, untold)

    assert reshape.read_standing(shaped).live.state == "verified"


def test_a_marked_document_that_no_mirror_has_committed_so_is_refused(
    books, built_and_marked, shaped, firestore_server
):
    firestore_server.client().document(built_and_marked).set({"month": "2026-11", "complete": True})

    with pytest.raises(ShapeRefused, match="not what a mirror wrote"):
        reshape.build(shaped, 2, untold)

    assert reshape.read_standing(shaped).live.state == "built"
