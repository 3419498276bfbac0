"""What a mutant is: a change of the code, and the tests that must fail on it."""

from dataclasses import dataclass
from pathlib import Path

SQLITE, POSTGRESQL = "sqlite", "postgresql"
EITHER = (SQLITE, POSTGRESQL)


class MovedError(Exception):
    """The code that a mutant changes is no longer there: the mutant has to be written anew."""


@dataclass(frozen=True)
class Change:
    """In ``file``, the only ``before`` becomes ``after``. ``before`` "" is a file that is made anew."""

    file: str
    before: str
    after: str

    def apply(self, root: Path) -> None:
        """Raise MovedError."""
        path = root / self.file
        if not self.before:
            path.write_text(self.after)
            return
        text = path.read_text()
        if text.count(self.before) != 1:
            raise MovedError(f"{self.file}: {text.count(self.before)} times, not once:\n{self.before}")
        path.write_text(text.replace(self.before, self.after))


@dataclass(frozen=True)
class Mutant:
    """``tests`` are pytest's arguments; on one of the databases ``on`` at least ``at_least`` of them must fail.

    ``equivalent``: why no test can notice it, "" where one must.
    """

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    on: tuple[str, ...] = (SQLITE,)
    at_least: int = 1
    equivalent: str = ""
