"""``python -m tests.scale.soak SECONDS``: eight readers and four buyers on SQLite for a long time, then the audit (P17).

The audit includes SQLite's own ``integrity_check``. It ends with status 0 where everything holds.
"""

import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

from services.common.database import sqlite_notice
from tests.api.sagas import settle
from tests.operations.load import Buyers, kept
from tests.operations.programs import faults
from tests.shop import Person, Shop

READERS, BUYERS = 8, 4
TOLD_SECONDS = 30.0


class Readers:
    """Ask the lists all the while, on every database."""

    def __init__(self, shop: Shop, person: Person) -> None:
        self.shop = shop
        self.person = person
        self.read = 0
        self.refused = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(READERS)]

    def _ask(self) -> None:
        shop, token = self.shop, self.person.token
        calls = (
            (shop.productos, "/productos?orden=recientes&limite=20"),
            (shop.pedidos, f"/pedidos/usuario/{self.person.id}?limite=20"),
            (shop.usuarios, "/perfil"),
        )
        while not self._stop.is_set():
            for service, path in calls:
                if service.get(path, token).status_code == 200:
                    self.read += 1
                else:
                    self.refused += 1

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def soak(seconds: float, folder: Path) -> list[str]:
    """What does not hold after ``seconds`` of load."""
    shop = Shop(folder, f"sqlite:///{folder / 'database.db'}", {"PEDIDOS_GRACIA": "2"})
    shop.start()
    try:
        people = [shop.admin, *(shop.person() for _ in range(BUYERS - 1))]
        products = [shop.a_producto(stock=10**8) for _ in range(5)]
        readers, ends = Readers(shop, people[0]), time.monotonic() + seconds
        readers.start()
        with Buyers(shop, people, products) as buyers:
            while (left := ends - time.monotonic()) > 0:
                time.sleep(min(left, TOLD_SECONDS))
                wal = max(file.stat().st_size for file in folder.glob("*-wal"))
                print(
                    f"{readers.read} reads, {readers.refused} refused, {len(buyers.placed)} orders,"
                    f" largest WAL {wal / 2**20:.1f} MiB, {max(left - TOLD_SECONDS, 0):.0f} s left",
                    flush=True,
                )
        readers.stop()
        settle(shop)
        found = faults(shop)
        if not kept(shop, buyers):
            found.append("an acknowledged order is missing")
        return found
    finally:
        shop.stop()


def main() -> int:
    print(sqlite_notice(sqlite3.sqlite_version_info))
    with tempfile.TemporaryDirectory(prefix="pingui-soak-") as folder:
        found = soak(float(sys.argv[1]), Path(folder))
    print("\n".join(found) or "everything holds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
