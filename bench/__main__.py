"""``python -m bench [--quick] [--only ROW]``: measures the rows of the table of targets and writes the report."""

import argparse
import sys
import time
from pathlib import Path

from bench.load import LoadError, wrk
from bench.programs import end_orderly
from bench.report import FOLDER, cost_table, missed, table, write
from bench.rounds import Session
from bench.rows import ROWS
from operations.progress import done, reporter


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measures the shop against its targets."
    )
    parser.add_argument("--quick", action="store_true", help="one short round of each row; no report")
    parser.add_argument("--only", action="append", choices=list(ROWS), help="a row alone; no report")
    parser.add_argument("--report", type=Path, help="the folder of the report")
    asked = parser.parse_args()
    end_orderly()
    wrk()
    started = time.monotonic()
    session = Session(asked.quick, lambda _text: None)
    measure(session, asked.only or list(ROWS))
    if session.result.findings:
        print(table(session.result.findings))
    if session.result.costs:
        print(f"\n{cost_table(session.result.costs)}")
    folder = asked.report or (None if asked.only or asked.quick else FOLDER)
    if folder:
        write(session.result, folder)
    print("\n".join(["", *session.result.notes, missed(session.result)]))
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if session.result.broken or any(found.errors for found in session.result.findings) else 0


def measure(session: Session, rows: list[str]) -> None:
    """Row after row; one that does not work is told, and the others are measured all the same."""
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


if __name__ == "__main__":
    sys.exit(main())
