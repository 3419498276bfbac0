"""SQLite's writer: blocks one after another, several to one commit, none without the other's fate.

Real files and real threads; services/common/writer.py.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, TimeoutError

from services.common.database import sqlite_engine
from services.common.writer import Writer

PATIENCE = 10.0


class Shelf:
    """A file with one table that only takes parents it has, looked at when a transaction ends."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                "CREATE TABLE things (id INTEGER PRIMARY KEY,"
                " parent INTEGER REFERENCES things DEFERRABLE INITIALLY DEFERRED)"
            )
        self.engine: Engine = sqlite_engine(make_url(f"sqlite:///{file}"), 1, read_only=False)
        self.writer = Writer(self.engine)
        self.commits = 0
        event.listen(self.engine, "commit", self._count)

    def _count(self, _connection: object) -> None:
        self.commits += 1

    def add(self, number: int, parent: int | None = None) -> None:
        with self.writer.write(PATIENCE) as connection:
            connection.execute(
                text("INSERT INTO things VALUES (:id, :parent)"), {"id": number, "parent": parent}
            )

    def seen_by_others(self) -> set[int]:
        with closing(sqlite3.connect(self.file)) as connection:
            return {number for (number,) in connection.execute("SELECT id FROM things")}

    @contextmanager
    def held(self) -> Iterator[None]:
        """While the block runs one write holds the turn, and those that are begun wait behind it."""
        entered, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with suppress(IntegrityError), self.writer.write(PATIENCE):
                entered.set()
                leave.wait(PATIENCE)

        holder = threading.Thread(target=hold)
        holder.start()
        assert entered.wait(PATIENCE)
        try:
            yield
        finally:
            leave.set()
            holder.join(PATIENCE)

    def wait_for(self, waiting: int) -> None:
        for _ in range(int(PATIENCE / 0.005)):
            if self.writer._waiting == waiting:
                return
            threading.Event().wait(0.005)
        raise AssertionError(f"{self.writer._waiting} wait, not {waiting}")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "shelf.db")
    yield made
    made.writer.close()


class Outcomes:
    """Threads that act, and what each ended with."""

    def __init__(self) -> None:
        self.of: dict[int, str] = {}
        self._threads: list[threading.Thread] = []

    def begin(self, number: int, shelf: Shelf, parent: int | None = None) -> None:
        def run() -> None:
            try:
                shelf.add(number, parent)
                self.of[number] = "seen" if number in shelf.seen_by_others() else "not durable"
            except IntegrityError:
                self.of[number] = "refused"

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> dict[int, str]:
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        return self.of


def test_a_block_alone_is_durable_when_it_ends(shelf: Shelf) -> None:
    for number in range(3):
        shelf.add(number)
        assert number in shelf.seen_by_others()
    assert shelf.commits == 3


def test_blocks_that_wait_share_a_commit_and_return_after_it(shelf: Shelf) -> None:
    outcomes = Outcomes()
    with shelf.held():
        for number in range(8):
            outcomes.begin(number, shelf)
        shelf.wait_for(8)
    assert outcomes.wait() == dict.fromkeys(range(8), "seen")
    assert shelf.commits == 1


def test_an_exception_undoes_its_own_block_only(shelf: Shelf) -> None:
    outcomes = Outcomes()
    shelf.add(0)
    with shelf.held():
        outcomes.begin(0, shelf)  # there is one already
        outcomes.begin(1, shelf)
        shelf.wait_for(2)
    assert outcomes.wait() == {0: "refused", 1: "seen"}
    shelf.add(2)
    assert shelf.seen_by_others() == {0, 1, 2}


def test_a_commit_that_fails_fails_every_block_of_it(shelf: Shelf) -> None:
    outcomes = Outcomes()
    with shelf.held():
        outcomes.begin(1, shelf)
        outcomes.begin(2, shelf, parent=99)  # known to be wrong only at the commit
        shelf.wait_for(2)
    assert outcomes.wait() == {1: "refused", 2: "refused"}
    assert shelf.seen_by_others() == set()
    shelf.add(3)
    assert shelf.seen_by_others() == {3}


def test_who_waits_too_long_gives_up(shelf: Shelf) -> None:
    with shelf.held(), pytest.raises(TimeoutError), shelf.writer.write(0.05):
        raise AssertionError("it had its turn")
    shelf.add(1)


def test_a_commit_left_to_one_who_gave_up_is_made_all_the_same(shelf: Shelf) -> None:
    outcomes = Outcomes()
    shelf.writer._waiting += 1  # somebody waits, and gives up when the commit was just left to it
    outcomes.begin(1, shelf)
    while shelf.writer._group is None or shelf.writer._busy:
        threading.Event().wait(0.005)
    assert shelf.commits == 0
    shelf.writer._waiting -= 1
    assert outcomes.wait() == {1: "seen"}


def test_nothing_is_lost_of_what_many_write(shelf: Shelf) -> None:
    kept: list[int] = []

    def write(first: int) -> None:
        for number in range(first, first + 40):
            try:
                with shelf.writer.write(PATIENCE) as connection:
                    connection.execute(text("INSERT INTO things (id) VALUES (:id)"), {"id": number})
                    if number % 7 == 0:
                        raise KeyError(number)
                kept.append(number)
            except KeyError:
                continue

    threads = [threading.Thread(target=write, args=(first,)) for first in range(0, 640, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == sum(1 for number in range(640) if number % 7)
    assert shelf.seen_by_others() == set(kept)
