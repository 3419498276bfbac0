"""``python -m tests.mutants [word …]``: break the shop in every known way, and see that its tests notice.

Each mutant is made in a copy of the working tree and its tests are run there. Without words all of them, else those with
one of the words in their group's name or their own. Exit status 0 where every mutant was noticed, 1 where one lives, 2
where one could not be tried: its code has moved, or its tests fail without it.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.mutants import generated, report
from tests.mutants.equivalents import EQUIVALENTS
from tests.mutants.inputs import INPUTS
from tests.mutants.mutant import EITHER, MovedError, Mutant
from tests.mutants.original import SEED
from tests.mutants.protocol import BESIDE, SAFEGUARDS
from tests.mutants.workshop import UnusableError, Verdict, Workshop
from tests.shop import ROOT

RESULTS = ROOT / "tests" / "artifacts" / "mutants.jsonl"
NOTICED, LIVES, EQUIVALENT, UNTRIED = "noticed", "LIVES", "equivalent", "UNTRIED"


def every_mutant() -> dict[str, list[Mutant]]:
    return {
        "The seed": [SEED],
        "Safeguards of the ordering protocol": list(SAFEGUARDS),
        "What stands beside the protocol": list(BESIDE),
        "What comes in, and many at once": list(INPUTS),
        "By rule, in what decides about stock, orders, tokens, addresses and origins": generated.mutants(
            EQUIVALENTS
        ),
    }


def chosen(words: Sequence[str], shard: str) -> list[Mutant]:
    found = [
        mutant
        for title, group in every_mutant().items()
        for mutant in group
        if not words or any(word in f"{title}: {mutant.name}" for word in words)
    ]
    part, parts = map(int, shard.split("/"))
    return found[part - 1 :: parts]


def tried(workshop: Workshop, mutant: Mutant) -> dict[str, Any]:
    """How it went, as it is kept for the report."""
    if mutant.equivalent:
        return {"name": mutant.name, "state": EQUIVALENT, "said": mutant.equivalent, "seconds": 0}
    try:
        verdict = workshop.test(mutant)
    except (MovedError, UnusableError) as error:
        return {"name": mutant.name, "state": UNTRIED, "said": str(error), "seconds": 0}
    return {
        "name": mutant.name,
        "state": NOTICED if verdict.notices(mutant) else LIVES,
        "said": _said(verdict),
        "tests": list(verdict.failed),
        "seconds": round(verdict.seconds, 1),
    }


def _said(verdict: Verdict) -> str:
    if verdict.hung:
        return "the tests did not end"
    if len(verdict.failed) > 1:
        return f"{len(verdict.failed)} tests failed"
    return next(iter(verdict.failed), "no test failed")


def sound(workshop: Workshop, mutants: Iterable[Mutant]) -> bool:
    """Whether the tests pass on what was not changed; without that no failure means anything."""
    for on in EITHER:
        tests = sorted({test for mutant in mutants if on in mutant.on for test in mutant.tests})
        whole = {test for test in tests if "::" not in test}
        tests = [test for test in tests if test in whole or test.split("::")[0] not in whole]
        if not tests:
            continue
        verdict = workshop.run(tests, on, all_of_them=True)
        for name, reason in verdict.failed.items():
            print(f"fails without any mutant: {name}: {reason}", flush=True)
        if verdict.failed or verdict.hung:
            return False
        print(f"sound on {on}: {len(tests)} sets of tests, {verdict.seconds:.0f} s", flush=True)
    return True


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--jobs", type=int, default=2, help="mutants tested at a time")
    parser.add_argument("--shard", default="1/1", metavar="N/M", help="every M-th of them from the N-th")
    parser.add_argument("--trust", action="store_true", help="do not test the unchanged tree first")
    parser.add_argument("--list", action="store_true", help="name them and do nothing")
    parser.add_argument(
        "--report", action="store_true", help="write docs/mutants.md from the results there are"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results are kept, and read from")
    given = parser.parse_args(arguments)
    if given.report:
        return report.write(every_mutant(), given.results)
    mutants = chosen(given.words, given.shard)
    if given.list:
        print(*(mutant.name for mutant in mutants), sep="\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        workshops = [Workshop(Path(folder) / str(number)) for number in range(given.jobs)]
        if not given.trust and not sound(workshops[0], mutants):
            return 2
        return hunt(mutants, workshops, given.results)


def hunt(mutants: list[Mutant], workshops: list[Workshop], results: Path) -> int:
    free: SimpleQueue[Workshop] = SimpleQueue()
    for workshop in workshops:
        free.put(workshop)

    def work(mutant: Mutant) -> dict[str, Any]:
        workshop = free.get()
        try:
            return tried(workshop, mutant)
        finally:
            free.put(workshop)

    states: list[str] = []
    results.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(workshops)) as pool, results.open("a") as kept:
        for number, result in enumerate(pool.map(work, mutants), 1):
            states.append(result["state"])
            print(json.dumps(result, ensure_ascii=False), file=kept, flush=True)
            print(
                f"{number:3}/{len(mutants)}  {result['state']:10} {result['seconds']:6} s  {result['name']}\n"
                f"{'':28}{result['said']}",
                flush=True,
            )
    print(", ".join(f"{states.count(state)} {state}" for state in (NOTICED, LIVES, EQUIVALENT, UNTRIED)))
    return 2 if UNTRIED in states else int(LIVES in states)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
