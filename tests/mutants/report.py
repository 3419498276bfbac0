"""docs/mutants.md, from the newest result of each mutant."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mutants.mutant import Mutant
from tests.shop import ROOT

HEAD = """# The test of the tests

`make mutants` changes the shop in each of these ways, one at a time, in a copy of the tree, and runs the tests that must
notice. A mutant that lives, or whose code has moved, fails the command. This page is written by
`python -m tests.mutants --report` from the last results.
"""


def write(groups: Mapping[str, Sequence[Mutant]], results: Path) -> int:
    """Exit status 0 where every mutant has a result."""
    known = {(one := json.loads(line))["name"]: one for line in results.read_text().splitlines()}
    every = [mutant for group in groups.values() for mutant in group]
    for mutant in every:
        if mutant.equivalent:
            known[mutant.name] = {"state": "equivalent", "said": mutant.equivalent, "seconds": 0}
    missing = [mutant.name for mutant in every if mutant.name not in known]
    lines = [HEAD, _summary([known[mutant.name] for mutant in every if mutant.name in known])]
    for title, mutants in groups.items():
        lines += [f"## {title}\n", "| changed | result |", "|---|---|"]
        lines += [_row(mutant, known.get(mutant.name)) for mutant in mutants]
        lines.append("")
    (ROOT / "docs" / "mutants.md").write_text("\n".join(lines))
    for name in missing:
        print(f"not tried: {name}")
    return 2 if missing else 0


def _summary(results: Sequence[Mapping[str, Any]]) -> str:
    states = [result["state"] for result in results]
    seconds = sum(result["seconds"] for result in results)
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return f"{len(states)} mutants: {counts}; {seconds / 60:.0f} minutes of tests.\n"


def _row(mutant: Mutant, result: Mapping[str, Any] | None) -> str:
    name = mutant.name.replace("|", "\\|")
    if result is None:
        return f"| {name} | not tried |"
    said = f"`{result['said']}`" if len(result.get("tests", ())) == 1 else result["said"]
    return f"| {name} | {result['state']}: {said} |".replace("tests/", "")
