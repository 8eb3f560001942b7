"""Every rule is broken by somebody, by edits that still fit, and by a test that the documentation names.

That the tests notice is shown by `make prove-rules`, which takes too long for every run.
"""

from __future__ import annotations

import re

import pytest

from tests.mutants.breaks import DOC, ROOT, Break, numbered_rules
from tests.mutants.rules import BREAKS


def test_every_rule_of_the_documentation_is_broken_and_no_other():
    sections = set(re.findall(r"^## (\d+)\.", DOC.read_text(), re.M))
    broken = {one.rule for one in BREAKS}

    assert len(numbered_rules()) > 60
    assert numbered_rules().keys() - broken == set()
    assert broken - numbered_rules().keys() <= sections


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.name)
def test_what_is_edited_still_occurs_exactly_once(one: Break):
    for edit in one.edits:
        assert (ROOT / edit.file).read_text().count(edit.old) == 1, edit
        assert edit.old != edit.new


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.name)
def test_what_is_edited_of_a_function_is_its_last_definition(one: Break):
    for edit in one.edits:
        before = (ROOT / edit.file).read_text().partition(edit.old)[0]
        named = re.findall(r"^create (?:or replace )?function (\w+)\(", before, re.M)
        if edit.file.startswith("migrations/sql/") and named and before.count("$$") % 2:
            later = [file for file in (ROOT / "migrations/sql").glob("*.sql") if file.name > (ROOT / edit.file).name]
            again = re.compile(rf"^create (?:or replace )?function {named[-1]}\(", re.M)
            assert [file.name for file in later if again.search(file.read_text())] == [], named[-1]


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.name)
def test_the_test_exists_and_the_documentation_names_its_file(one: Break):
    file, _, name = one.test.partition("::")
    function = name.partition("[")[0]

    assert f"def {function}(" in (ROOT / file).read_text() or not function
    assert f"(../{file})" in numbered_rules().get(one.rule, DOC.read_text())


def test_no_fault_is_told_twice():
    names = [one.name for one in BREAKS]

    assert sorted(set(names)) == sorted(names)
