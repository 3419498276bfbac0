"""``make faults``: every fault and thousands of random histories on both databases, then the report docs/faults.md.

``SEED`` repeats a run.
"""

import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadgroup")


class Collected:
    """What the tests said of themselves."""

    def __init__(self) -> None:
        from tests.faults.report import Fault

        self.faults: dict[str, Fault] = {}
        self.reasons: Counter[str] = Counter()
        self._new = Fault
        self._ended: set[str] = set()  # those that failed, or were not possible

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        name = "model" if "tests/model/" in report.nodeid else str(properties.pop("fault", ""))
        fault = self.faults.setdefault(name, self._new())
        fault.seconds += report.duration
        if report.failed:
            fault.failed += report.nodeid not in self._ended
            self._ended.add(report.nodeid)
        elif report.skipped:
            fault.skipped += 1
            self._ended.add(report.nodeid)
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self.reasons[reason.removeprefix("Skipped: ")] += 1
        elif report.when == "teardown" and report.nodeid not in self._ended:
            fault.passed += 1
            fault.add(properties)  # type: ignore[arg-type]


def main() -> int:
    from tests.faults.report import write
    from tests.faults.selection import SEED

    print(f"seed {SEED}: make faults SEED={SEED}", flush=True)
    collected, begun = Collected(), time.monotonic()
    folders = (str(HERE), str(HERE.parent / "model"))
    status = pytest.main([*folders, "-v", *SIDE_BY_SIDE], plugins=[collected])
    write(HERE.parents[1] / "docs", collected.faults, collected.reasons, SEED, time.monotonic() - begun)
    print(f"seed {SEED}: docs/faults.md is written")
    return int(status)


if __name__ == "__main__":
    # Before the selection is imported, here and by the processes that pytest starts.
    os.environ["FAULTS"] = "all"
    if not os.environ.get("SEED"):
        os.environ["SEED"] = str(int.from_bytes(os.urandom(3), "big"))
    sys.exit(main())
