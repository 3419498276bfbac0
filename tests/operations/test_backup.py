"""Backup under load, restore, and what a restore refuses (P18, F15)."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from operations.backup import backup as backup_of
from operations.backup import one_moment
from operations.errors import OperationError
from operations.release import release
from operations.restore import restore as restore_of
from services.auditar.databases import Place, UnreadableError
from tests.api.sagas import poll
from tests.operations.load import Buyers, stands
from tests.operations.programs import faults, places_of, program
from tests.shop import FILES, Shop

NewShop = Callable[..., Shop]


def backup(shop: Shop, folder: Path) -> Path:
    done = program("operations.backup", shop, folder)
    assert (done.status, done.trouble) == (0, ""), done
    return folder


def restore(shop: Shop, folder: Path, **environment: str) -> None:
    done = program("operations.restore", shop, folder, **environment)
    assert (done.status, done.trouble) == (0, ""), done
    assert done.lines.endswith("restored\naudit: everything holds\n")


def test_a_backup_under_load_restores_elsewhere_without_a_fault(new_shop: NewShop, tmp_path: Path) -> None:
    shop = new_shop(PEDIDOS_GRACIA="1")
    people = [shop.admin, *(shop.person() for _ in range(5))]
    products = [shop.a_producto(stock=100_000), shop.a_producto(stock=30), shop.a_producto()]
    folder = tmp_path / "backup"
    with Buyers(shop, people, products) as buyers:
        poll(lambda: len(buyers.cancelled) > 5)
        earlier = set(buyers.placed)
        backup(shop, folder)
        at_the_end = len(buyers.placed)
        poll(lambda: len(buyers.placed) > at_the_end)
    assert set(buyers.statuses) <= {200, 201, 409}
    for service in shop.services:
        service.stop()

    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    assert {oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} == {"0o600"}
    copy = new_shop(running=False, PEDIDOS_GRACIA="1")
    restore(copy, folder)
    copy.start()
    poll(partial(finished, copy))
    assert faults(copy) == []
    assert earlier <= stands(copy).keys() <= stands(shop).keys()
    buyer = copy.sign_in(people[1].email, people[1].password)
    again = copy.a_pedido(buyer, products[0])
    assert again.status_code == 201
    assert int(again.headers["Location"].rsplit("/", 1)[1]) == max(stands(copy))


def test_the_three_snapshots_are_of_one_instant(new_shop: NewShop) -> None:
    shop = new_shop()
    people = [shop.admin, *(shop.person() for _ in range(7))]
    found = places_of(shop)
    with Buyers(shop, people, [shop.a_producto(stock=100_000)]) as buyers:
        poll(lambda: len(buyers.cancelled) > 5)
        for _ in range(60):
            with one_moment(found) as moments:
                orders = moments["pedidos"].execute(text("SELECT reserva_id, fase FROM pedidos")).all()
                held = moments["productos"].execute(text("SELECT id FROM reservas WHERE estado = 'tomada'"))
                reserved = set(held.scalars())
            assert {row.reserva_id for row in orders if row.fase == "confirmado"} <= reserved
            assert reserved <= {row.reserva_id for row in orders}


def finished(shop: Shop) -> bool:
    """Whether recovery has ended what the backup saw under way."""
    unfinished = "SELECT id FROM pedidos WHERE fase IN ('intento', 'abortando', 'devolviendo')"
    return not shop.pedidos.sql(unfinished)


def test_a_restore_overwrites_nothing(new_shop: NewShop, tmp_path: Path) -> None:
    shop = new_shop()
    product = shop.a_producto(stock=5)
    assert shop.a_pedido(shop.admin, product).status_code == 201
    folder, found = backup(shop, tmp_path / "backup"), places_of(shop)
    assert shop.a_pedido(shop.admin, product).status_code == 201
    shop.pedidos.get("/pedidos", shop.admin.token)

    with pytest.raises(OperationError, match="is there already"):
        backup_of(found, folder)
    with pytest.raises(OperationError, match="stop"):
        restore_of(folder, found, force=True)
    for service in shop.services:
        service.stop()
    done = program("operations.restore", shop, folder)
    there = "there is data of pedidos, productos, usuarios already; FORCE=1 puts it aside and restores"
    assert done == (2, "", f"restore: {there}\n")
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    file = damaged / json.loads((damaged / "manifest.json").read_text())["services"]["productos"]["file"]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(OperationError, match=f"{file} is not what was backed up"):
        restore_of(damaged, found, force=True)
    with pytest.raises(OperationError, match="is no backup"):
        restore_of(tmp_path, found, force=True)
    assert len(stands(shop)) == 2

    restore(shop, folder, FORCE="1")
    assert len(stands(shop)) == 1
    assert len(put_aside(shop)) == 3
    assert faults(shop) == []


def put_aside(shop: Shop) -> list[str]:
    if shop.backend == "sqlite":
        return [file.name for name in FILES.values() for file in shop.folder.glob(f"{name}.before_*Z")]
    schemas = shop.pedidos.sql("SELECT schema_name FROM information_schema.schemata")
    return [name for (name,) in schemas if "_before_" in name]


def test_stock_held_for_lost_orders_can_be_given_back(new_shop: NewShop) -> None:
    shop = new_shop()
    counted, uncounted = shop.a_producto(stock=10), shop.a_producto(stock=10)
    kept = shop.a_pedido(shop.admin, counted, 1)
    lost = [shop.a_pedido(shop.admin, product, 2) for product in (counted, uncounted)]
    assert {answer.status_code for answer in (kept, *lost)} == {201}
    path = f"/productos/{uncounted}"
    seen = shop.productos.get(path, shop.admin.token).headers["ETag"]
    edited = shop.productos.patch(path, shop.admin.token, json={"stock": None}, headers={"If-Match": seen})
    assert edited.status_code == 200
    # Orders as of an earlier moment than the catalogue.
    shop.pedidos.sql("DELETE FROM pedidos WHERE id > 1")
    shop.pedidos.get("/pedidos", shop.admin.token)
    found = places_of(shop)
    assert [line.endswith("for no order") for line in faults(shop)] == [True, True]

    with pytest.raises(OperationError, match="stop"):
        release(found["pedidos"], found["productos"])
    shop.productos.stop()
    shop.pedidos.stop()
    done = program("operations.release", shop)
    assert (done.status, done.lines.splitlines()[-1]) == (0, "2 reservations released")
    assert faults(shop) == []
    stocks = {row.id: row.stock for row in shop.productos.sql("SELECT id, stock FROM productos")}
    assert stocks == {counted: 9, uncounted: None}


@pytest.mark.parametrize("missing", ["pedidos", "productos"])
def test_there_is_no_backup_of_half_a_shop(shop: Shop, tmp_path: Path, missing: str) -> None:
    found = {
        **places_of(shop),
        missing: Place(missing, URL.create("sqlite", database=f"{tmp_path}/nowhere.db")),
    }
    with pytest.raises((OperationError, UnreadableError), match=f"{missing}: there is no"):
        backup_of(found, tmp_path / "backup")
    assert list(tmp_path.glob("backup*")) == []
