"""``python -m operations.release``: give back the stock that is held for no order, after half a restore.

Pedidos and productos must stand still: an order that is being placed has its row before its stock, but only then is it sure
that none will come. It is productos' own cancelling, so stock and ledger stay true and a late order finds a tombstone.
"""

import sys

from operations.databases import stopped
from operations.errors import EXPECTED, explained
from services.auditar import between
from services.auditar.between import Orphan
from services.auditar.databases import Place, places
from services.common.database import Database
from services.common.settings import Environment
from services.productos.reservas import Reservas


def release(pedidos: Place, productos: Place) -> list[Orphan]:
    """What was given back; raise OperationError where one of the services runs."""
    with stopped({"pedidos": pedidos, "productos": productos}):
        orphans = between.orphans(pedidos, productos)
        database = Database(productos.url, productos.name, 1)
        reservas = Reservas(database, moneda="")
        for orphan in orphans:
            reservas.cancel(orphan.reserva_id)
        database.close()
    return orphans


def main() -> int:
    try:
        found = places(Environment.read())
        orphans = release(found["pedidos"], found["productos"])
    except EXPECTED as error:
        print(f"release: {explained(error)}", file=sys.stderr)
        return 2
    for orphan in orphans:
        print(f"{orphan}: given back")
    print(f"{len(orphans)} reservations released")
    return 0


if __name__ == "__main__":
    sys.exit(main())
