"""The mutants fit the code as it is, and a mutant that no test notices is not said to be noticed."""

import ast
import re
from pathlib import Path

import pytest

from tests.mutants.__main__ import LIVES, NOTICED, UNTRIED, every_mutant, tried
from tests.mutants.mutant import Change, Mutant
from tests.mutants.workshop import Workshop
from tests.shop import ROOT

MODEL = "services/pedidos/model.py"
UNIT = ("tests/unit/test_pedidos_model.py",)
TOTAL = "return self.precio * cantidad"


def applied(mutant: Mutant) -> dict[str, str]:
    """What the files of a mutant become; each of its changes must find its place."""
    texts = {change.file: (ROOT / change.file).read_text() for change in mutant.changes}
    for change in mutant.changes:
        found = texts[change.file].count(change.before) if change.before else 1
        assert found == 1, f"{mutant.name}: in {change.file} {found} times:\n{change.before}"
        texts[change.file] = (
            texts[change.file].replace(change.before, change.after) if change.before else change.after
        )
    return texts


@pytest.mark.parametrize("group", every_mutant())
def test_every_mutant_fits_the_code(group: str) -> None:
    for mutant in every_mutant()[group]:
        for file, text in applied(mutant).items():
            ast.parse(text)
            assert text != (ROOT / file).read_text(), mutant.name
        for test in mutant.tests:
            file, _, name = test.partition("::")
            assert re.search(rf"^def {name or 'test_'}", (ROOT / file).read_text(), re.MULTILINE), test


def test_a_mutant_is_noticed_or_lives_and_leaves_nothing_behind(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    before = (ROOT / MODEL).read_bytes()
    wrong = Mutant("adds", (Change(MODEL, TOTAL, "return self.precio + cantidad"),), UNIT)
    assert tried(workshop, wrong)["tests"] == [f"{UNIT[0]}::test_totals_are_exact"]
    assert (tmp_path / MODEL).read_bytes() == before
    harmless = Mutant("turns round", (Change(MODEL, TOTAL, "return cantidad * self.precio"),), UNIT)
    assert tried(workshop, harmless)["state"] == LIVES
    several = Mutant("adds, noticed by many", wrong.changes, UNIT, at_least=2)
    assert tried(workshop, several)["state"] == LIVES
    assert tried(workshop, wrong)["state"] == NOTICED
    assert (tmp_path / MODEL).read_bytes() == before


def test_a_mutant_that_cannot_be_tried_is_told_apart(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    moved = Mutant("moved", (Change(MODEL, "return 42", "return 43"),), UNIT)
    assert tried(workshop, moved)["state"] == UNTRIED
    absent = Mutant("without tests", (Change(MODEL, TOTAL, "return 0"),), ("tests/unit/test_absent.py",))
    assert tried(workshop, absent)["state"] == UNTRIED
    assert TOTAL in (tmp_path / MODEL).read_text()
