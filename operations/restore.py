"""``make restore``: put a backup in the databases' place, then audit.

Nothing is touched before every file is verified and every service stands still. What is there is never overwritten: it
needs FORCE=1, and is kept under another name. Orders come last, so that a restore that is cut off leaves stock held
without orders at worst, never orders without stock.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operations import postgresql
from operations.backup import FORMAT, MANIFEST
from operations.databases import (
    ORDER,
    digest,
    holds_data,
    put_aside,
    stopped,
    sync,
    utc,
)
from operations.errors import EXPECTED, OperationError, explained
from operations.progress import done, reporter
from services.auditar import audit, between
from services.auditar.databases import Place, places
from services.common.settings import Environment


def main(arguments: list[str]) -> int:
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="python -m operations.restore", description=__doc__)
    parser.add_argument("folder", type=Path, help="what make backup made")
    folder = parser.parse_args(arguments).folder
    try:
        found = places(Environment.read())
        restore(folder, found, force=os.environ.get("FORCE") == "1")
        return _audited(found)
    except EXPECTED as error:
        print(f"restore: {explained(error)}", file=sys.stderr)
        return 2


def restore(folder: Path, found: Mapping[str, Place], *, force: bool) -> None:
    """Raise OperationError before anything is changed where something is not as it must be."""
    manifest = verified(folder, found)
    with stopped(found):
        occupied = [name for name in ORDER if holds_data(found[name])]
        if occupied and not force:
            raise OperationError(
                f"there is data of {', '.join(occupied)} already; FORCE=1 puts it aside and restores"
            )
        ending = f"before_{utc('%Y%m%dT%H%M%SZ')}"
        for name in reversed(ORDER):
            _put(found[name], folder / manifest[name]["file"], manifest[name], ending)
    print(f"{folder}: restored")


def verified(folder: Path, found: Mapping[str, Place]) -> dict[str, Any]:
    """What the manifest says of each service, once every file is as it says."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        services: dict[str, Any] = manifest["services"]
        if manifest["format"] != FORMAT or set(services) != set(ORDER):
            raise OperationError(f"{folder} was made by another version of this program")
    except (FileNotFoundError, NotADirectoryError):
        raise OperationError(f"{folder} is no backup: there is no {MANIFEST}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise OperationError(f"{folder}/{MANIFEST} is damaged: {error!r}") from None
    for name, kept in services.items():
        file = folder / kept["file"]
        if not file.is_file() or digest(file) != kept["sha256"]:
            raise OperationError(f"{file} is not what was backed up")
        if (file.suffix == ".sqlite") != (found[name].file is not None):
            raise OperationError(f"{file} is of another kind of database than {name} uses now")
    return services


def _put(place: Place, source: Path, kept: dict[str, Any], ending: str) -> None:
    side = None
    if place.file:
        side = place.file.with_name(f"{place.file.name}.restoring")
        shutil.copyfile(source, side)
        sync(side)
        if digest(side) != kept["sha256"]:
            raise OperationError(f"{side} was not written as it was read")
    aside = f"; what was there is now {put_aside(place, ending)}" if holds_data(place) else ""
    if place.file and side:
        side.rename(place.file)
        sync(place.file.parent)
    else:
        postgresql.restore(place, source, reporter(place.name))
    done(place.name, f"{kept['bytes'] // 1024} KiB in place{aside}")


def _audited(found: Mapping[str, Place]) -> int:
    # Of a moment under way, some orders are unfinished: recovery ends them when the services start.
    faults = list(audit.faults(found, None))
    for fault in faults:
        print(fault)
    orphans = between.orphans(found["pedidos"], found["productos"])
    if orphans:
        print(
            f"{len(orphans)} reservations hold stock for no order; python -m operations.release gives it back"
        )
    print(f"audit: {f'{len(faults)} faults' if faults else 'everything holds'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
