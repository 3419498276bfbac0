"""The operator's programs, run as an operator runs them over a test's shop."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from services.auditar import audit as auditing
from services.auditar.databases import Place, places
from services.common.settings import Environment
from tests.shop import Service, Shop

CLEAN = "audit of usuarios, productos, pedidos: everything holds\n"


class Done(NamedTuple):
    """How a program ended and what it said."""

    status: int
    lines: str
    trouble: str


def program(module: str, shop: Shop, *arguments: str | Path, **environment: str) -> Done:
    """``python -m module`` with the settings of ``shop``."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=shop.folder,
        env={**shop.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def audit(shop: Shop, *arguments: str) -> Done:
    return program("services.auditar", shop, *arguments)


def places_of(shop: Shop) -> dict[str, Place]:
    return places(Environment(shop.environment, {}))


def faults(shop: Shop, older: float = 0) -> list[str]:
    """What the auditor finds, without the start of a program; by default nothing may be unfinished."""
    return [str(fault) for fault in auditing.faults(places_of(shop), older)]


def by_hand(service: Service, statement: str, **values: Any) -> None:
    """A write that no check and no foreign key refuses."""
    if service.database.startswith("sqlite"):
        file = service.database.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file, isolation_level=None, timeout=5)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute(statement, values)
        return
    options = f"-c search_path={service.name} -c session_replication_role=replica"
    with psycopg.connect(service.database, autocommit=True, options=options) as server:
        server.execute(re.sub(r":(\w+)", r"%(\1)s", statement).encode(), values)
