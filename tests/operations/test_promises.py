"""docs/promises.md names every promise once, and tests that are there."""

import re

import pytest

from operations.scan import ROOT

LINES = (ROOT / "docs" / "promises.md").read_text().splitlines()
ROWS = [line for line in LINES if line.startswith("| P")]
LINK = re.compile(r"\[(\w+)\]\(\.\./(tests/[\w/]+\.py)\)")


def test_every_promise_stands_there_once() -> None:
    numbers = [int(row.split("|")[1].strip().removeprefix("P")) for row in ROWS]
    assert numbers == list(range(1, 52))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_its_tests_are_there_or_it_says_what_is_missing(row: str) -> None:
    links, gap = LINK.findall(row), row.split("|")[4].strip()
    assert links or gap
    for name, file in links:
        assert re.search(rf"^def test_{name}\(", (ROOT / file).read_text(), re.MULTILINE), (
            f"{file}: test_{name}"
        )
