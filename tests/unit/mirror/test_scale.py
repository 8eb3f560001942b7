"""The arithmetic of bench.scale: every figure has a source, and the sums are what the page says."""

from __future__ import annotations

import json
import math

import pytest

from bench.scale import FIGURES, cost_of, load_of, main, moves, parts_of, read_figures, simulate

PLAIN = {
    "items_per_user": 1.0, "sync_calls_per_item_and_day": 2.0, "rows_per_user_and_day": 10.0,
    "updates_per_user_and_day": 2.0, "edits_per_user_and_day": 3.0, "sessions_per_user_and_day": 1.0,
    "documents_per_session": 100.0, "open_pages_per_user": 0.5, "peak_factor": 2.0, "utilisation": 0.5,
    "mirror_documents_per_second": 1000.0, "commits_in_flight": 4.0, "firestore_latency_ms": 40.0,
}  # fmt: skip


def test_every_figure_says_what_it_is_and_where_it_comes_from() -> None:
    told = json.loads(FIGURES.read_text())

    assert set(told) == {"measured", "published", "assumed"}
    for group, most in (("measured", 3), ("published", 3), ("assumed", 2)):
        for name, entry in told[group].items():
            assert len(entry) == most, name
            assert entry[0] > 0, name
            assert all(entry[1:]), name


def test_a_users_day_is_counted_as_the_mirror_writes_it() -> None:
    load = load_of(read_figures(PLAIN))

    assert load.writes == 10 + 3 * 2 + 2 * 3
    assert load.commits == 5
    assert load.reads == 22 * 0.5 + 100
    assert load.deletes == 10
    assert load.ledger_commits == 2 * 2 + 3 + 5


def test_a_part_saturates_where_its_load_meets_what_one_unit_bears() -> None:
    parts = {part.name: part for part in parts_of(read_figures(PLAIN))}
    mirror = parts["mirror"]

    # 4 commits in 40 ms are 100 a second, planned with by half; 5 commits a day, twice that at the peak
    assert mirror.capacity == pytest.approx(50)
    assert mirror.saturates_at == int(50 / (5 * 2 / 86_400))
    assert mirror.units(mirror.saturates_at) == 1
    assert mirror.units(3 * mirror.saturates_at) == 3
    # with Firestore at hand the process itself is what bears least
    near = {part.name: part for part in parts_of(read_figures({**PLAIN, "firestore_latency_ms": 1.0}))}
    assert near["mirror"].capacity == pytest.approx(1000 / (32 / 5) * 0.5)


def test_money_follows_the_operations() -> None:
    f = read_figures(PLAIN)
    costs = cost_of(f, 1000)

    assert costs["Firestore writes"] == pytest.approx(22 * 1000 * 30.4 * 0.09 / 100_000)
    assert costs["Firestore reads"] == pytest.approx(111 * 1000 * 30.4 * 0.03 / 100_000)
    assert cost_of(f, 2000)["Firestore writes"] == pytest.approx(2 * costs["Firestore writes"])


def test_what_moves_the_cost_most_comes_first() -> None:
    f = read_figures()
    ranked = moves(f, 10_000_000)

    assert [abs(share) for _, share in ranked] == sorted((abs(share) for _, share in ranked), reverse=True)
    before, after = (sum(cost_of(read_figures(change), 10_000_000).values()) for change in ({}, {"price_auth_user": 1}))
    assert after > before


def test_the_first_to_saturate_is_no_pool_of_processes_and_bears_least() -> None:
    told = simulate(1_000_000, read_figures())
    first = told["saturatesFirst"]

    assert first["part"] not in ("mirror", "worker")
    assert first["atUsers"] == min(
        p["oneUnitBearsUsers"] for p in told["parts"] if p["part"] not in ("mirror", "worker")
    )
    assert told["monthUSDTotal"] == pytest.approx(sum(told["monthUSD"].values()), abs=len(told["monthUSD"]))
    assert all(p["units"] == max(1, math.ceil(p["peak"] / p["unitBears"])) for p in told["parts"])


def test_it_prints_one_line_for_programs_and_refuses_what_is_no_figure(capsys: pytest.CaptureFixture[str]) -> None:
    main(["1000", "10000000", "--set", "peak_factor=8"])
    printed = capsys.readouterr()

    (line,) = printed.out.splitlines()
    assert [run["users"] for run in json.loads(line)["runs"]] == [1000, 10_000_000]
    assert json.loads(line)["changed"] == {"peak_factor": 8.0}
    assert "first to saturate" in printed.err
    with pytest.raises(SystemExit):
        main(["--set", "nothing=1"])
