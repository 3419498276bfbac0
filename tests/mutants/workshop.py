"""A copy of the tree in which one mutant at a time is tested."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutants.mutant import POSTGRESQL, SQLITE, Mutant
from tests.shop import ROOT

SHARED = (".venv", "node_modules", "data")  # of what git does not know
SECONDS = 400.0  # for the tests of one mutant
OTHER = {SQLITE: POSTGRESQL, POSTGRESQL: SQLITE}
FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - (.*))?$", re.MULTILINE)
TESTS_PASSED, TESTS_FAILED = 0, 1  # how pytest ends where it could test
_moments = itertools.count(1_000_000_000, 10)


class UnusableError(Exception):
    """The tests could not be run as they are meant to."""


@dataclass(frozen=True)
class Verdict:
    """Which tests failed, each with its reason, and how long that took."""

    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    hung: bool = False

    def notices(self, mutant: Mutant) -> bool:
        return self.hung or len(self.failed) >= mutant.at_least


class Workshop:
    """A copy of the working tree in ``folder``; programs and packages are shared with the original."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        for name in SHARED:
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)

    def test(self, mutant: Mutant) -> Verdict:
        """What the mutant's tests say of it; the copy is as before then. Raise MovedError, UnusableError."""
        originals = {
            path: path.read_bytes()
            for path in {self.folder / change.file for change in mutant.changes}
            if path.exists()
        }
        try:
            for change in mutant.changes:
                change.apply(self.folder)
            self._touch(mutant)
            for on in mutant.on:
                verdict = self.run(mutant.tests, on, all_of_them=mutant.at_least > 1)
                if verdict.notices(mutant):
                    break
            return verdict
        finally:
            for change in mutant.changes:
                path = self.folder / change.file
                if path in originals:
                    path.write_bytes(originals[path])
                else:
                    path.unlink(missing_ok=True)
            self._touch(mutant)

    def _touch(self, mutant: Mutant) -> None:
        """Give what changed a time that no compiled copy of it has."""
        for path in {self.folder / change.file for change in mutant.changes}:
            if path.exists():
                moment = next(_moments)
                os.utime(path, (moment, moment))

    def run(self, tests: Sequence[str], on: str, *, all_of_them: bool = False) -> Verdict:
        """Run tests on one database, until the first fails or all of them."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            f"--maxfail={0 if all_of_them else 1}",
            "--tb=line",
            "-rfE",
        ]
        started = time.monotonic()
        with subprocess.Popen(
            [*command, "-k", f"not {OTHER[on]}", *tests],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "500"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                # As from the keyboard, so that what the tests started is ended by them.
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=60)
                return Verdict(seconds=time.monotonic() - started, hung=True)
        if process.returncode not in (TESTS_PASSED, TESTS_FAILED):
            raise UnusableError(f"{' '.join(tests)}: pytest ended with {process.returncode}\n{said[-3000:]}")
        failed = {name: reason for name, reason in FAILED.findall(said)}
        return Verdict(failed, time.monotonic() - started)
