"""``python -m operations.release``: give back the stock that is held for no order, after half a restore.

Pedidos and productos must stand still: an order that is being placed has its row before its stock, but only then is it sure
that none will come. It is productos' own cancelling, so stock and ledger stay true and a late order finds a tombstone.
"""

import sys

from operations.databases import stopped
from operations.errors import EXPECTED, explained
from services.auditar import between
from services.auditar.databases import places
from services.common.database import Database
from services.common.settings import Environment
from services.productos.reservas import Reservas


def main() -> int:
    try:
        found = places(Environment.read())
        pedidos, productos = found["pedidos"], found["productos"]
        with stopped({"pedidos": pedidos, "productos": productos}):
            orphans = between.orphans(pedidos, productos)
            database = Database(productos.url, productos.name, 1)
            reservas = Reservas(database, moneda="")
            for orphan in orphans:
                reservas.cancel(orphan.reserva_id)
                print(f"{orphan}: given back")
            database.close()
    except EXPECTED as error:
        print(f"release: {explained(error)}", file=sys.stderr)
        return 2
    print(f"{len(orphans)} reservations released")
    return 0


if __name__ == "__main__":
    sys.exit(main())
