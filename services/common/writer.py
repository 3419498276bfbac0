"""The one connection that writes an SQLite file: blocks one after another, several of them to one commit.

A commit waits for the disk, far longer than a block takes. So a block that finds others waiting leaves the commit to the last
of them and waits for it: each but the first stands in a savepoint of its own, all become durable together, and nobody returns
before. Alone it commits at once.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PatienceError

MOST_BLOCKS = 32  # to one commit
LEFT_ALONE = 0.05  # seconds after which a block looks whether those that it left the commit to have given up


class Group:
    """Blocks that are committed together."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.transaction = connection.begin()
        self.blocks = 0
        self.ended = threading.Event()
        self.failure: Exception | None = None


class Writer:
    """``engine`` makes the connection; its transactions are IMMEDIATE."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = threading.Condition()
        self._waiting = 0
        self._busy = False
        self._connection: Connection | None = None
        self._group: Group | None = None

    @contextmanager
    def write(self, wait: float) -> Iterator[Connection]:
        """A block whose writes are durable when it has ended, or undone by its exception.

        It waits at most ``wait`` seconds for its turn and the file's lock together; then sqlalchemy's TimeoutError or
        OperationalError.
        """
        started = time.monotonic()
        self._take_turn(wait)
        try:
            group = self._group or self._begin(wait - (time.monotonic() - started))
            yield from self._block(group)
        except BaseException:
            self._end_turn()
            raise
        self._end_turn()
        self._wait_for(group)

    def _block(self, group: Group) -> Iterator[Connection]:
        first = group.blocks == 0  # undone as a whole, it needs no savepoint
        group.blocks += 1
        try:
            if not first:
                group.connection.exec_driver_sql("SAVEPOINT block")
            yield group.connection
            if not first:
                group.connection.exec_driver_sql("RELEASE block")
        except BaseException:
            self._undo(group, first)
            raise

    def _undo(self, group: Group, first: bool) -> None:
        """Undo the block that runs, and leave those before it."""
        try:
            if first:
                group.transaction.rollback()
                self._close(group, None)
            else:
                group.connection.exec_driver_sql("ROLLBACK TO block")
                group.connection.exec_driver_sql("RELEASE block")
        except SQLAlchemyError as failure:  # a full disk, among others, undoes the whole transaction
            self._close(group, failure)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()

    def _take_turn(self, wait: float) -> None:
        with self._turns:
            self._waiting += 1
            try:
                if not self._turns.wait_for(lambda: not self._busy, wait):
                    raise PatienceError("another write takes too long")
            finally:
                self._waiting -= 1
            self._busy = True

    def _end_turn(self) -> None:
        """Give the turn to the next block, after the commit where there is none or enough stand together."""
        group = self._group
        try:
            if group and (self._waiting == 0 or group.blocks >= MOST_BLOCKS):
                self._commit(group)
        finally:
            with self._turns:
                self._busy = False
                self._turns.notify()

    def _begin(self, wait: float) -> Group:
        if self._connection is None:
            self._connection = self._engine.connect()
        self._connection.connection.execute(f"PRAGMA busy_timeout = {int(max(0.0, wait) * 1000)}")
        self._group = Group(self._connection)
        return self._group

    def _commit(self, group: Group) -> None:
        failure: Exception | None = None
        try:
            group.transaction.commit()
        except SQLAlchemyError as error:
            failure = error
        self._close(group, failure)

    def _close(self, group: Group, failure: Exception | None) -> None:
        if failure is not None:
            # Whatever state it is in: closed, it is rolled back, and the next block opens another.
            group.connection.invalidate()
            group.connection.close()
            self._connection = None
        self._group = None
        group.failure = failure
        group.ended.set()

    def _wait_for(self, group: Group) -> None:
        while not group.ended.wait(LEFT_ALONE):
            with self._turns:
                self._turns.wait_for(lambda: not self._busy)
                self._busy = True
            self._end_turn()
        if group.failure is not None:
            raise group.failure
