"""A Glance is read by as many at once as it may have connections; others are told to ask elsewhere."""

import threading
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from services.common.database import Database


def test_no_more_connections_than_it_may_have(tmp_path: Path) -> None:
    database = Database(make_url(f"sqlite:///{tmp_path / 'one.db'}"), "one", 2)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
        connection.execute(text("INSERT INTO numbers VALUES (7)"))
    glance = database.glance("SELECT n FROM numbers WHERE n = ?")
    held, go_on = threading.Barrier(3), threading.Event()

    class Slow:
        """A value that keeps its reader waiting."""

        def __conform__(self, _protocol: object) -> int:
            held.wait(5)
            go_on.wait(5)
            return 7

    rows: list[object] = []
    readers = [threading.Thread(target=lambda: rows.append(glance.row(Slow()))) for _ in range(2)]
    for reader in readers:
        reader.start()
    held.wait(5)
    assert glance.row(7) is None
    go_on.set()
    for reader in readers:
        reader.join(5)
    assert rows == [(7,), (7,)]
    assert glance.row(7) == (7,)
    database.close()


def test_a_lost_connection_makes_room_for_another(tmp_path: Path) -> None:
    database = Database(make_url(f"sqlite:///{tmp_path / 'one.db'}"), "one", 1)
    glance = database.glance("SELECT n FROM numbers WHERE n = ?")
    assert glance.row(7) is None
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
        connection.execute(text("INSERT INTO numbers VALUES (7)"))
    assert glance.row(7) == (7,)
    database.close()
