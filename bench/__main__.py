"""``python -m bench [--quick] [--only ROW]``: measures the rows of the table of targets, prints and writes the report."""

import argparse
import sys
import time

from bench.load import LoadError, wrk
from bench.report import missed, table, write
from bench.rounds import Session
from bench.rows import ROWS
from operations.progress import done, reporter


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measures the shop against its targets."
    )
    parser.add_argument("--quick", action="store_true", help="one short round of each row")
    parser.add_argument("--only", action="append", choices=list(ROWS), help="a row alone; writes no report")
    asked = parser.parse_args()
    wrk()
    rows = asked.only or list(ROWS)
    session = Session(asked.quick, lambda _text: None)
    started = time.monotonic()
    for number, name in enumerate(rows, start=1):
        subject = f"[{number}/{len(rows)}] {name}"
        session.say = reporter(subject)
        begun = time.monotonic()
        try:
            ROWS[name](session)
        except LoadError as error:
            session.result.broken.append(f"{name}: {error}")
        done(subject, f"{time.monotonic() - begun:.0f} s")
    guard = session.guard
    session.result.notes.append(
        f"{guard.turns} turns, of which {guard.repeated} were repeated for noise and {guard.noisy} stayed noisy"
    )
    print(table(session.result))
    if not asked.only:
        write(session.result, quick=asked.quick)
    print(missed(session.result))
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if session.result.broken or any(finding.errors for finding in session.result.findings) else 0


if __name__ == "__main__":
    sys.exit(main())
