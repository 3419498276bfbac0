"""Redis is gone, frozen or nonsense: the shop can be looked at, what needs a session says that it cannot be shown."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import request

from storefront.app import close_app
from storefront.shared_store import SharedStore
from storefront.store import StoreDownError
from tests import redis_server
from tests.plain_services import apps
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.scale.proxies import a_certificate
from tests.storefront.conftest import PEDIDOS, PRODUCTOS, USUARIOS, PlainShop, Visit, a_storefront
from tests.storefront.odd_server import Talk, listening
from tests.storefront.wsgi_transport import WsgiAdapter


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server.running(folder) as server:
        yield server


@pytest.fixture
def shop(redis: RedisServer, tmp_path: Path) -> Iterator[PlainShop]:
    services = {
        name: getattr(apps, name)(tmp_path / f"{name}.db") for name in ("usuarios", "productos", "pedidos")
    }
    adapter = WsgiAdapter(
        {USUARIOS: services["usuarios"], PRODUCTOS: services["productos"], PEDIDOS: services["pedidos"]}
    )
    shop = PlainShop(a_storefront(tmp_path, adapter, redis_url=redis.url), adapter, services)
    yield shop
    close_app(shop.app)


def member_with_a_cart(shop: PlainShop) -> Visit:
    product = shop.a_producto()
    visit = shop.visit().register()
    assert visit.get("/cuenta").status == 200
    return visit.add_to_cart(product)


def status_soon(visit: Visit, path: str, post: bool = False) -> int:
    """The status of a page, which may not take longer than two looks at the store."""
    begun = time.monotonic()
    status = (visit.post(path) if post else visit.get(path)).status
    assert time.monotonic() - begun < 1.5
    return status


PRIVATE = ("/cuenta", "/pedidos", "/pagar/revisar", "/admin/productos")


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_private_pages_wait_and_the_rest_goes_on(shop: PlainShop, redis: RedisServer, fault: str) -> None:
    visit = member_with_a_cart(shop)
    getattr(redis, fault)()
    for path in PRIVATE:
        assert status_soon(visit, path) == 503, path
        assert visit.page is not None
        assert visit.page.headers["Retry-After"] == "30"
    assert status_soon(visit, "/salir", post=True) == 503
    for path in ("/", "/productos", "/carrito", "/ayuda", "/entrar", "/health"):
        assert status_soon(visit, path) == 200, path
    assert visit.get("/ready").status == 503
    assert shop.orders() == []


def test_nobody_signs_in_while_nobody_could_sign_out(shop: PlainShop, redis: RedisServer) -> None:
    visit = member_with_a_cart(shop)
    visit.post("/salir")
    redis.kill()
    assert visit.sign_in().status == 503
    redis.start()
    recovered(shop)
    assert visit.get("/cuenta").path.startswith("/entrar")


def test_the_session_and_the_cart_are_there_when_redis_is_back(shop: PlainShop, redis: RedisServer) -> None:
    visit = member_with_a_cart(shop)
    redis.kill()
    assert visit.get("/cuenta").status == 503
    assert visit.post("/pagar/confirmar", {"oferta": "x"}).status == 503
    redis.start()
    recovered(shop)
    assert visit.get("/cuenta").status == 200
    visit.get("/pagar/revisar").send("/pagar/confirmar")
    assert len(shop.orders()) == 1


def test_a_session_that_was_ended_stays_ended_when_redis_was_killed(
    shop: PlainShop, redis: RedisServer
) -> None:
    visit = member_with_a_cart(shop)
    cookie = visit.client.get_cookie("sesion")
    assert cookie
    visit.post("/salir")
    redis.kill()
    redis.start()
    recovered(shop)
    visit.client.set_cookie("sesion", cookie.value)
    assert visit.get("/cuenta").path.startswith("/entrar")


def test_a_purchase_whose_outcome_could_not_be_written_is_never_sent_twice(
    shop: PlainShop, redis: RedisServer
) -> None:
    visit = member_with_a_cart(shop).get("/pagar/revisar")
    form = visit.form("/pagar/confirmar")
    pedidos = shop.services["pedidos"]

    def kill_redis() -> None:
        if request.method == "POST":
            redis.kill()

    pedidos.before_request_funcs.setdefault(None, []).append(kill_redis)
    assert visit.post(form["action"], form["fields"]).status == 503
    assert len(shop.orders()) == 1
    redis.start()
    recovered(shop)
    pedidos.before_request_funcs[None].remove(kill_redis)
    visit.post(form["action"], form["fields"])
    assert "/compras/" in visit.path
    assert len(shop.orders()) == 1


def recovered(shop: PlainShop) -> None:
    """Waits until the store is asked again: after a fault it is left alone for five seconds."""
    visit, deadline = shop.visit(), time.monotonic() + 10
    while visit.get("/ready").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def a_server(answer: Talk) -> Iterator[str]:
    """The address of something that is no Redis."""
    with listening(answer, 3) as port:
        yield f"redis://127.0.0.1:{port}/0"


def drip(connection: socket.socket) -> None:
    """A byte of an answer every tenth of a second: each read ends in time, the whole never does."""
    connection.recv(1000)
    connection.sendall(b"$10000\r\n")
    for _ in range(30):
        connection.sendall(b"x")
        threading.Event().wait(0.1)


def nonsense(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def silence(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.recv(1000)


@pytest.mark.parametrize("answer", [drip, nonsense, silence])
def test_whatever_answers_nobody_waits_for_long(answer: Any) -> None:
    with a_server(answer) as url:
        store = SharedStore(url)
        for _ in range(7):
            begun = time.monotonic()
            with pytest.raises(StoreDownError):
                store.has_ended("one")
            assert time.monotonic() - begun < 0.8
        assert store.circuit.state == "open"
        store.close()


def test_by_every_way_to_it_a_frozen_redis_holds_nobody(tmp_path: Path) -> None:
    a_certificate(tmp_path)
    files = {
        "tls-cert-file": "fullchain.pem",
        "tls-ca-cert-file": "fullchain.pem",
        "tls-key-file": "privkey.pem",
    }
    port, path = free_port(), tmp_path / "redis.sock"
    options = {"tls-port": str(port), "tls-auth-clients": "no", "unixsocket": str(path)}
    options |= {name: str(tmp_path / file) for name, file in files.items()}
    with redis_server.running(tmp_path, **options) as redis:
        certificate = f"ssl_ca_certs={tmp_path / 'fullchain.pem'}"
        urls = (redis.url, f"unix://{path}?db=0", f"rediss://127.0.0.1:{port}/0?{certificate}")
        ways = [SharedStore(url) for url in urls]
        ways[0].end_session("one", time.time() + 100)
        assert [store.has_ended("one") for store in ways] == [True, True, True]
        redis.pause()
        for store in ways:
            begun = time.monotonic()
            with pytest.raises(StoreDownError):
                store.has_ended("one")
            assert time.monotonic() - begun < 0.8
        redis.resume()
        assert [store.has_ended("one") for store in ways] == [True, True, True]
        for store in ways:
            store.close()


def test_an_address_that_nobody_has_is_told_without_its_password() -> None:
    store = SharedStore("redis://somebody:canary@127.0.0.1:1/0")
    with pytest.raises(StoreDownError) as told:
        store.check()
    assert "canary" not in repr(told.value)
    store.close()
