"""``make backup``: one consistent copy of the three databases while the shop runs.

Orders are held still for the moment in which the three snapshots are taken, orders first (reliability.md P18), and copied
after: the copies agree with each other as the databases do at every instant. The folder appears only when it is complete.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection

from operations.databases import ORDER, copy, digest, paused, sync, utc
from operations.errors import EXPECTED, OperationError, explained
from operations.progress import done, reporter
from services.auditar import audit
from services.auditar.databases import Place, places, snapshot
from services.common.settings import Environment

MANIFEST = "manifest.json"
FORMAT = 1


def main(arguments: list[str]) -> int:
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="python -m operations.backup", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a folder that is not there yet")
    folder = parser.parse_args(arguments).folder or Path("backups") / utc("%Y%m%dT%H%M%SZ")
    try:
        sound = backup(places(Environment.read()), folder)
    except EXPECTED as error:
        print(f"backup: {explained(error)}", file=sys.stderr)
        return 2
    return 0 if sound else 1


def backup(found: Mapping[str, Place], folder: Path) -> bool:
    """Make ``folder``; whether what it holds breaks no invariant."""
    if folder.exists():
        raise OperationError(f"{folder} is there already")
    part = folder.with_name(f"{folder.name}.part")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(parents=True)
    try:
        manifest = _copied(found, part)
    except BaseException:
        shutil.rmtree(part)
        raise
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    sync(part / MANIFEST)
    sync(part)
    part.rename(folder)
    sync(folder.parent)
    print(f"{folder}: the shop as of {manifest['moment']}; what was acknowledged later is not in it")
    return _audited(found, folder, manifest)


@contextmanager
def one_moment(found: Mapping[str, Place]) -> Iterator[dict[str, Connection]]:
    """A snapshot of each database; together they are what the shop was at one instant."""
    with ExitStack() as stack:
        with paused(found["pedidos"]):
            moments = {name: stack.enter_context(snapshot(found[name])) for name in ORDER}
        yield moments


def _copied(found: Mapping[str, Place], part: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = {"format": FORMAT, "services": {}}
    with one_moment(found) as moments:
        manifest["moment"] = utc("%Y-%m-%dT%H:%M:%SZ")
        for name in ORDER:
            file = copy(found[name], moments[name], part, reporter(name))
            size = file.stat().st_size
            manifest["services"][name] = {"file": file.name, "bytes": size, "sha256": digest(file)}
            done(name, f"{file.name}, {size // 1024} KiB")
    return manifest


def _audited(found: Mapping[str, Place], folder: Path, manifest: dict[str, Any]) -> bool:
    """The copies of files can be audited as they are; a dump is when it is restored."""
    copies = {
        name: Place(name, URL.create("sqlite", database=str((folder / kept["file"]).absolute())))
        for name, kept in manifest["services"].items()
        if found[name].file
    }
    faults = list(audit.faults(copies, None))
    for fault in faults:
        print(f"the shop's data is broken, and so is the copy: {fault}")
    return not faults


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
