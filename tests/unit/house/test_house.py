"""The house keeps its own rules: names that nobody else ships, locks without addresses, links that lead somewhere."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OUR_PACKAGES = ("api", "workers", "sync", "local")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines()]


def test_no_other_distribution_ships_our_package_names():
    for distribution in importlib.metadata.distributions():
        if distribution.metadata["Name"] == "livespend":
            continue
        for file in distribution.files or []:
            assert file.parts[0] not in OUR_PACKAGES, f"{distribution.metadata['Name']} ships {file}"


@pytest.mark.parametrize("name", OUR_PACKAGES)
def test_our_packages_are_imported_from_this_checkout(name: str):
    module = __import__(name)

    assert Path(module.__file__ or "").is_relative_to(ROOT)


def test_every_direct_dependency_is_pinned():
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["local"]
    for requirement in wanted + PROJECT["dependency-groups"]["dev"] + PROJECT["build-system"]["requires"]:
        assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^,;]+", requirement), requirement


def test_locks_hash_everything_and_name_no_address():
    for lock in (ROOT / "requirements.lock", ROOT / "build-requirements.lock"):
        text = lock.read_text()
        blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())

        assert "://" not in text
        assert all("--hash=sha256:" in block for block in blocks)
    for lock in tracked("**/package-lock.json"):
        assert '"resolved"' not in lock.read_text(), lock


def test_every_relative_link_in_the_docs_leads_to_a_file():
    for page in tracked("*.md", "docs/*.md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_guarantee_of_the_readme_links_to_the_test_that_proves_it():
    readme = (ROOT / "README.md").read_text()
    table = readme.split("## Guarantees", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]

    assert len(rows) >= 7
    for row in rows:
        assert re.search(r"\]\(tests/[^)]+\.py\)", row), row


def test_every_word_of_the_design_stands_in_the_glossary():
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    for word in ("item", "account", "transaction", "cursor", "entry", "ledger", "pull", "mark", "head", "projection",
                 "mirror", "version", "drift", "doorbell", "sweep", "stand-in", "owner", "window"):  # fmt: skip
        assert f"**{word}" in glossary, word


def test_no_file_is_left_with_open_work():
    for path in tracked("*.py", "*.ts", "*.tsx", "*.sql"):
        if path.name != Path(__file__).name:
            assert not re.search(r"\b(TODO|FIXME|NotImplementedError)\b", path.read_text()), path
