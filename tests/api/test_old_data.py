"""The original services' data: every account signs in, no plain password is left, kills are harmless (contract section 6)."""

import multiprocessing
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.common import migrate
from services.common.settings import Environment, service_settings
from services.usuarios.app import MIGRATIONS
from services.usuarios.old_data import OLD_DATA
from tests.shop import SECRET, Service, Shop

TABLES = {
    "usuarios": (
        "CREATE TABLE usuarios (id INTEGER PRIMARY KEY AUTOINCREMENT, nombre TEXT NOT NULL,"
        " email TEXT UNIQUE NOT NULL, password TEXT NOT NULL)"
    ),
    "productos": (
        "CREATE TABLE productos (id INTEGER PRIMARY KEY AUTOINCREMENT, nombre TEXT NOT NULL,"
        " precio REAL NOT NULL, descripcion TEXT)"
    ),
    "pedidos": (
        "CREATE TABLE pedidos (id INTEGER PRIMARY KEY AUTOINCREMENT, usuario_id INTEGER NOT NULL,"
        " producto_id INTEGER NOT NULL, cantidad INTEGER NOT NULL, estado TEXT DEFAULT 'pendiente')"
    ),
}
CANARY = "canario-en-claro"
Accounts = list[tuple[Any, ...]]
NewOldShop = Callable[..., Shop]


def accounts(number: int) -> Accounts:
    return [
        (place, f"Persona {place}", f"persona{place}@antes.test", f"{CANARY}-{place}")
        for place in range(1, number + 1)
    ]


def make_original(file: Path, **rows: Accounts) -> None:
    """A database as the original services left it, with the tables of ``rows``."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for table, given in rows.items():
            connection.execute(TABLES[table])
            for row in given:
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608


def leave_free_pages(file: Path) -> None:
    """Accounts that were deleted: their passwords still stand in the file."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA secure_delete = OFF")  # SQLite's own default; Debian's build has it on
        connection.executemany(
            "INSERT INTO usuarios VALUES (?, 'x', ?, ?)",
            [(number, f"ida{number}@antes.test", CANARY * 200) for number in range(1000, 1050)],
        )
        connection.execute("DELETE FROM usuarios WHERE id >= 1000")
    assert (CANARY * 100).encode() in file.read_bytes()


@pytest.fixture
def old_shop(tmp_path: Path) -> Iterator[NewOldShop]:
    """Gives a shop over SQLite in a folder where the original's files may already stand."""
    shops: list[Shop] = []

    def make(base: str = "database.db", **environment: str) -> Shop:
        shop = Shop(tmp_path, f"sqlite:///{tmp_path / base}", environment)
        shops.append(shop)
        return shop

    yield make
    for shop in shops:
        shop.stop()


def sign_in_status(shop: Shop, email: str, password: str) -> int:
    return shop.usuarios.post("/login", json={"email": email, "password": password}).status_code


def assert_no_plain_password(folder: Path) -> None:
    for file in folder.iterdir():
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file.name


# --- a file of its own -----------------------------------------------------------------------------------------------


def test_every_account_signs_in_and_no_plain_password_is_left(tmp_path: Path, old_shop: NewOldShop) -> None:
    rows = accounts(12)
    make_original(tmp_path / "usuarios.db", usuarios=rows)
    leave_free_pages(tmp_path / "usuarios.db")
    shop = old_shop()
    shop.usuarios.start()
    assert_no_plain_password(tmp_path)
    assert stat.S_IMODE((tmp_path / "usuarios.db").stat().st_mode) == 0o600
    for usuario_id, nombre, email, password in rows:
        person = shop.sign_in(email, password)
        assert (person.id, person.nombre) == (usuario_id, nombre)
        assert sign_in_status(shop, email, password + "x") == 401
    roles = shop.usuarios.sql("SELECT rol FROM usuarios ORDER BY id")
    assert [row.rol for row in roles] == ["administrador"] + ["cliente"] * 11
    assert shop.usuarios.post(
        "/registro", json={"nombre": "x", "email": "PERSONA1@antes.test", "password": "12345678"}
    ).json() == {"error": "El email ya está registrado"}
    assert shop.person().id == 1050  # numbers of deleted accounts are not given again
    assert shop.usuarios.stop() == 0
    assert_no_plain_password(tmp_path)


def test_a_second_start_does_nothing(tmp_path: Path, old_shop: NewOldShop) -> None:
    make_original(tmp_path / "usuarios.db", usuarios=accounts(3))
    shop = old_shop()
    contents = []
    for _ in range(3):
        shop.usuarios.start()
        assert shop.usuarios.stop() == 0
        contents.append((tmp_path / "usuarios.db").read_bytes())
    assert contents[1] == contents[0]
    assert contents[2] == contents[0]
    assert shop.usuarios.log.read_text().count("upgrading") == 1


ODD: Accounts = [
    (3, "", "", ""),
    (5, "x" * 5000, "y" * 3000, "z" * 2000),
    (6, "Ana", "Ana@antes.test", "clave de Ana"),
    (7, "ana", "ana@antes.test", "clave de ana"),
    (8, "ANA", "ANA@ANTES.TEST", "clave de ANA"),
    (9, 5, 6, 7),
    (10, 1.5, 2.5, 12345678),
    (11, b"\xff\xfe", b"\xff", b"\xfe\xff"),
    (12, b"\xff\xfe", b"\xfe", b"bytes"),
    (13, "nul\x00dentro", "nul\x00@antes.test", "nul\x00clave"),
    (14, "línea\nnueva\t\x1b[31m", "  espacios@antes.test ", "  espacios  "),
    (15, "'; DROP TABLE usuarios;--", "' OR 1=1 --", "' OR '1'='1"),
    (16, "🐧", "ñ🐧@antes.test", "contraseña 🐧"),
    (17, "ß", "STRASSE@antes.test", "una"),
    (18, "ß", "straße@antes.test", "otra"),
    (2**62, "lejos", "lejos@antes.test", "lejos lejos"),
]


def test_rows_of_every_odd_kind_keep_their_number_and_sign_in(tmp_path: Path, old_shop: NewOldShop) -> None:
    make_original(tmp_path / "usuarios.db", usuarios=ODD)
    shop = old_shop()
    shop.usuarios.start()
    stored = shop.usuarios.sql("SELECT id, rol FROM usuarios ORDER BY id")
    assert [row.id for row in stored] == [row[0] for row in ODD]
    assert [row.rol for row in stored] == ["administrador"] + ["cliente"] * (len(ODD) - 1)
    for usuario_id, nombre, email, password in ODD:
        if isinstance(email, bytes) or "\x00" in str(email):
            continue  # JSON cannot say it
        person = shop.sign_in(str(email), str(password))
        assert (person.id, person.nombre) == (usuario_id, str(nombre))
    report = shop.usuarios.log.read_text()
    for usuario_id in (7, 8, 12, 18):
        assert f"usuario {usuario_id}:" in report
    # Where two differ only in case the exact spelling comes first, any other spelling means the older account.
    assert shop.sign_in("aNa@antes.test", "clave de Ana").id == 6
    assert sign_in_status(shop, "ana@antes.test", "clave de Ana") == 401


def test_of_no_accounts_the_first_to_register_administers(tmp_path: Path, old_shop: NewOldShop) -> None:
    make_original(tmp_path / "usuarios.db", usuarios=[])
    shop = old_shop()
    shop.usuarios.start()
    assert shop.person().id == 1
    assert shop.usuarios.sql("SELECT rol FROM usuarios") == [("administrador",)]


def left_by_a_crash(file: Path, journal: str) -> None:
    """A program is killed with its journal beside the file: WAL with a commit in it, or a rollback half done."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        if journal == "WAL":
            connection.execute(
                "INSERT INTO usuarios VALUES (90, 'del diario', 'diario@antes.test', 'del diario')"
            )
        else:
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO usuarios VALUES (?, 'x', ?, ?)",
                [(number, f"medio{number}@antes.test", CANARY * 30) for number in range(200, 400)],
            )
        os._exit(0)
    os.waitpid(child, 0)
    beside = file.with_name(f"{file.name}-{'wal' if journal == 'WAL' else 'journal'}")
    assert beside.stat().st_size > 0


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_journal_that_a_crash_left_is_followed_and_removed(
    tmp_path: Path, old_shop: NewOldShop, journal: str
) -> None:
    make_original(tmp_path / "usuarios.db", usuarios=accounts(3))
    left_by_a_crash(tmp_path / "usuarios.db", journal)
    shop = old_shop()
    shop.usuarios.start()
    assert_no_plain_password(tmp_path)
    if journal == "WAL":
        assert shop.sign_in("diario@antes.test", "del diario").id == 90
    assert [row.id for row in shop.usuarios.sql("SELECT id FROM usuarios WHERE id <> 90 ORDER BY id")] == [
        1,
        2,
        3,
    ]


# --- the one file of the original sample -----------------------------------------------------------------------------

PRODUCTS: Accounts = [(1, "Taza", 12.345, None), (2, "Plato", "gratis", "roto"), (4, "Olla", 99.99, "")]
ORDERS: Accounts = [(1, 1, 1, 2, "pendiente"), (2, 2, 4, -3, "ENVIADO"), (5, 1, 99, 1, None)]


def rows_of(file: Path, table: str, columns: str = "*") -> Accounts:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as connection:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY id").fetchall()  # noqa: S608


def test_the_one_file_of_all_three_becomes_three_and_keeps_no_password(
    tmp_path: Path, old_shop: NewOldShop
) -> None:
    base = tmp_path / "database.db"
    make_original(base, usuarios=accounts(6), productos=PRODUCTS, pedidos=ORDERS)
    leave_free_pages(base)
    shop = old_shop(PRODUCTOS_URL="")
    shop.start()
    assert_no_plain_password(tmp_path)
    for usuario_id, _, email, password in accounts(6):
        assert shop.sign_in(email, password).id == usuario_id
    token = shop.sign_in("persona1@antes.test", f"{CANARY}-1").token
    products = shop.productos.get("/productos", token).json()
    assert [(product["id"], product["nombre"], product["precio"]) for product in products] == [
        (1, "Taza", 12.35), (2, "Plato", None), (4, "Olla", 99.99),
    ]  # fmt: skip
    orders = shop.pedidos.get("/pedidos/usuario/1", token).json()
    assert [(order["id"], order["cantidad"], order["estado"]) for order in orders] == [
        (1, 2, "pendiente"), (5, 1, "pendiente"),
    ]  # fmt: skip
    # The base stays readable by the original programs, without its passwords.
    assert rows_of(base, "usuarios") == [(*row[:3], "") for row in accounts(6)]
    assert rows_of(base, "productos") == PRODUCTS
    assert rows_of(base, "pedidos") == ORDERS

    before = {file.name: file.read_bytes() for file in tmp_path.glob("*.db")}
    for service in shop.services:
        assert service.stop() == 0
    quiet = {file.name: file.read_bytes() for file in tmp_path.glob("*.db")}
    assert quiet["database.db"] == before["database.db"]
    shop.start()
    for service in shop.services:
        assert service.stop() == 0
        assert service.log.read_text().count("upgrading") == 1
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*.db")} == quiet


def test_one_file_of_all_three_is_never_taken_for_a_services_own(
    tmp_path: Path, old_shop: NewOldShop
) -> None:
    base = tmp_path / "database.db"
    make_original(base, usuarios=accounts(2), productos=PRODUCTS, pedidos=ORDERS)
    before = base.read_bytes()
    shop = old_shop(USUARIOS_DATABASE_URL=f"sqlite:///{base}")
    ended = subprocess.run(
        [sys.executable, "-m", "services.usuarios"],
        cwd=tmp_path,
        env=shop.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 69
    assert "productos" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert base.read_bytes() == before


# --- kills ---------------------------------------------------------------------------------------------------------


def upgrade(folder: Path) -> None:
    environment = Environment(
        {"SECRET_KEY": SECRET, "DATABASE_URL": f"sqlite:///{folder / 'database.db'}"}, {}
    )
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    migrate.prepare(service_settings(environment, "usuarios", 5003, "usuarios.db"), MIGRATIONS, OLD_DATA)
    os._exit(0)


def run_upgrade(folder: Path, killed_after: float | None) -> float:
    """Upgrade in a process of its own, killed after so many seconds; the seconds it took."""
    child = multiprocessing.get_context("fork").Process(target=upgrade, args=(folder,))
    started = time.monotonic()
    child.start()
    child.join(killed_after)
    if child.is_alive():
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    elif killed_after is None:
        assert child.exitcode == 0
    child.close()
    return time.monotonic() - started


def is_upgraded(file: Path) -> bool:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return "alembic_version" in names


def assert_old_or_new(folder: Path, base: bool) -> None:
    rows = accounts(8)
    own = folder / "usuarios.db"
    if base:
        passwords = [password for *_, password in rows_of(folder / "database.db", "usuarios")]
        blank = passwords == [""] * 8
        assert blank or passwords == [row[3] for row in rows]
        assert rows_of(folder / "database.db", "productos") == PRODUCTS
        assert own.exists() or not blank
    if own.exists() and is_upgraded(own):
        assert rows_of(own, "usuarios", "id, nombre, email") == [row[:3] for row in rows]
        assert all(hashed.startswith("$argon2id$") for (hashed,) in rows_of(own, "usuarios", "password"))
    elif not base:
        assert rows_of(own, "usuarios") == rows
    else:
        assert not own.exists()


@pytest.mark.parametrize("base", [False, True], ids=["a file of its own", "the one file"])
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new(tmp_path: Path, base: bool) -> None:
    def fresh(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        if base:
            make_original(folder / "database.db", usuarios=accounts(8), productos=PRODUCTS)
        else:
            make_original(folder / "usuarios.db", usuarios=accounts(8))
        return folder

    whole = run_upgrade(fresh("whole"), None)
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    left_old = 0
    for number in range(10):
        folder = fresh(str(number))
        for _ in range(2):  # killed twice, the second time over what the first left
            run_upgrade(folder, chance.uniform(0, whole * 1.1))
            assert_old_or_new(folder, base)
        too_late = (folder / "usuarios.db").exists() and is_upgraded(folder / "usuarios.db")
        took = run_upgrade(folder, None)
        whole = whole * 0.7 if too_late else took  # the machine may be busier or idler by now
        left_old += not too_late
        assert_old_or_new(folder, base)
        assert is_upgraded(folder / "usuarios.db")
        assert_no_plain_password(folder)
        assert not list(folder.glob("*.new*")), f"seed {seed}"
    assert left_old, f"seed {seed}: every kill came too late"


def test_three_services_killed_while_they_share_the_one_file(tmp_path: Path, old_shop: NewOldShop) -> None:
    base = tmp_path / "database.db"
    make_original(base, usuarios=accounts(20), productos=PRODUCTS, pedidos=ORDERS)
    shop = old_shop(PRODUCTOS_URL="")
    chance = random.Random(20)
    for _ in range(4):
        for service in shop.services:
            service.start(wait=False)
        wait_for_an_upgrade(shop.services)
        time.sleep(chance.uniform(0, 0.3))
        for service in shop.services:
            service.kill()
        assert rows_of(base, "productos") == PRODUCTS
        assert rows_of(base, "pedidos") == ORDERS
        assert len(rows_of(base, "usuarios")) == 20
    shop.start()
    assert_no_plain_password(tmp_path)
    token = shop.sign_in("persona1@antes.test", f"{CANARY}-1").token
    assert [product["id"] for product in shop.productos.get("/productos", token).json()] == [1, 2, 4]
    assert [order["id"] for order in shop.pedidos.get("/pedidos/usuario/1", token).json()] == [1, 5]
    assert not list(tmp_path.glob("*.new*"))


def wait_for_an_upgrade(services: tuple[Service, ...]) -> None:
    """Until one of them began to upgrade, or all serve."""
    deadline = time.monotonic() + 20
    begun = [service.log.read_text().count("upgrading") for service in services]
    while time.monotonic() < deadline:
        texts = [service.log.read_text() for service in services]
        if any(text.count("upgrading") > before for text, before in zip(texts, begun, strict=True)):
            return
        if all(
            service.folder.joinpath(file).exists() for service, file in zip(services, NEW_FILES, strict=True)
        ):
            return
        time.sleep(0.01)
    raise AssertionError("no service began to upgrade")


NEW_FILES = ("usuarios.db", "productos.db", "pedido.db")
