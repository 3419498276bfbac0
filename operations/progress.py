"""Progress on a terminal in one line that changes; elsewhere in one line for each thing done."""

import sys
from collections.abc import Callable


def reporter(subject: str) -> Callable[[str], None]:
    """Gives a function that says how far ``subject`` is, to be seen while it lasts."""

    def say(progress: str) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\033[K{subject}: {progress}")
            sys.stdout.flush()

    return say


def done(subject: str, result: str) -> None:
    clear = "\r\033[K" if sys.stdout.isatty() else ""
    print(f"{clear}{subject}: {result}", flush=True)
