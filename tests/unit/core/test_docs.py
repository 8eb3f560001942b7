"""Documents that fail when they fall behind: settings and error codes."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import REGISTRY

import api
import sync
from sync import metrics, settings
from sync.errors import ERRORS
from sync.intents.intent_kinds import KINDS

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| `([^`]+)` \|(?: (\d+) \| ([^|]+) \|)?", re.M)


def read(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.fixture
def errors() -> dict[str, tuple[str, str]]:
    """Status and title of every error code, whichever module defines it."""
    for package in (sync, api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(("__main__", "wsgi")):
                importlib.import_module(module.name)
    return {code: (str(kind.status), kind.title()) for code, kind in ERRORS.items()}


def test_every_setting_is_documented_and_no_other() -> None:
    assert {name for name, _, _ in ROW.findall(read("docs/settings.md"))} == set(settings.names())


def test_every_setting_is_in_the_example_and_no_other() -> None:
    named = re.findall(r"^([A-Z_]+)=", read(".env.example"), re.M)

    assert sorted(named) == sorted(settings.names())


def test_the_example_is_read_without_complaint() -> None:
    example = dict(line.split("=", 1) for line in read(".env.example").splitlines() if "=" in line and line[0] != "#")
    needs = frozenset().union(*settings.NEEDS.values())

    assert settings.read_settings(example, needs=needs).local


def test_every_default_in_the_documents_is_the_one_in_the_code() -> None:
    for name, default in re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \| `([^`]+)` \|", read("docs/settings.md"), re.M):
        assert settings.read_settings({name: default}) == settings.Settings(), name


def test_every_setting_that_a_door_needs_says_so() -> None:
    needed = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| needed \|", read("docs/settings.md"), re.M)

    assert {(name, door) for name, doors in needed for door in doors.split(", ")} == {
        (name, door) for door, names in settings.NEEDS.items() for name in names
    }


def test_every_error_code_is_documented_as_it_is_and_no_other(errors: dict[str, tuple[str, str]]) -> None:
    documented = {code: (status, title) for code, status, title in ROW.findall(read("docs/errors.md"))}

    assert documented == errors


def test_every_metric_is_documented_and_no_other(errors: dict[str, tuple[str, str]]) -> None:
    collected = [*REGISTRY.collect(), *metrics.MirrorMetrics({}, lambda: (0, 0.0, 0)).collect()]
    documented = re.findall(r"^\| `(livespend_[a-z_]+)` \| ([a-z]+)", read("docs/metrics.md"), re.M)

    assert {name.removesuffix("_total"): kind for name, kind in documented} == {
        family.name: family.type for family in collected if family.name.startswith("livespend_")
    }


def test_every_hop_is_documented_and_no_other() -> None:
    section = read("docs/metrics.md").split("| `hop` |", 1)[1]

    assert set(re.findall(r"^\| `([a-z_]+)` \|", section, re.M)) == set(get_args(metrics.Hop))


def test_every_error_is_raised_by_name_somewhere(errors: dict[str, tuple[str, str]]) -> None:
    source = "".join(
        path.read_text() for package in ("sync", "api", "workers") for path in sorted((ROOT / package).rglob("*.py"))
    )

    unused = [kind.__name__ for kind in ERRORS.values() if len(re.findall(rf"\b{kind.__name__}\b", source)) < 2]
    assert unused == []


def test_every_kind_of_intent_is_documented_with_what_its_body_must_have_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| `([^`]+)`.* \| `(\w+\.\w+)` \|", read("docs/intents.md"), re.M)
    told = {kind: {word for word in body.split() if not word.endswith("?")} for kind, body, _ in rows}
    wanted = {}
    for name, kind in KINDS.items():
        fields = kind.body.model_fields.values()
        needed = kind.required or [field.alias or "" for field in fields if field.is_required()]
        wanted[name] = {*needed, *([kind.subject] if kind.subject else [])}
    assert told == wanted


def test_every_benchmark_is_listed() -> None:
    published = {
        path.stem for path in (ROOT / "bench").glob("*.py") if re.search(r"^ +publish\(", path.read_text(), re.M)
    }

    assert len(published) > 8
    assert published == set(re.findall(r"^\| `\S+ -m bench\.([a-z_]+)", read("docs/benchmarks.md"), re.M))
