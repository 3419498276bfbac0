"""The whole audit: each database by itself, then orders against stock."""

import time
from collections.abc import Iterator, Mapping

from services.auditar import between, within
from services.auditar.databases import DamagedError, Place, snapshot
from services.auditar.within import Fault

SETTLED = (
    15.0  # seconds beyond the grace in which recovery has ended what nobody works on: a lease, two sweeps
)


def faults(places: Mapping[str, Place], older: float | None) -> Iterator[Fault]:
    """Every broken invariant. ``older``: seconds that an order may be unfinished, None for any. Raise UnreadableError."""
    damaged = set()
    for place in places.values():
        try:
            yield from _of_one(place, older)
        except DamagedError as error:
            damaged.add(place.name)
            yield Fault("I8", f"{place.name}: {error}")
    if {"pedidos", "productos"} <= places.keys() - damaged:
        yield from between.faults(places["pedidos"], places["productos"])


def _of_one(place: Place, older: float | None) -> Iterator[Fault]:
    with snapshot(place) as connection:
        yield from within.file_faults(place, connection)
        yield from within.faults(place, connection, int(time.time() * 1000), older)
