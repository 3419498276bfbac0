"""Histories of a real shop, drawn at random and compared with the model at every step.

Each history has people, products and keys of its own, so one running shop serves many; all its answers are foretold.
"""

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tests import proxy
from tests.api.sagas import SagaShop, poll
from tests.model.shop_model import (
    ADMINISTRATOR,
    BUYER,
    CANCELADO,
    ENTREGADO,
    ENVIADO,
    ESTADOS,
    EVERY_TIME,
    PENDIENTE,
    STRANGER,
    Order,
    Product,
    ShopModel,
    Told,
)
from tests.operations.programs import faults
from tests.shop import Person, Service

GRACIA = "0.5"
STALLS = 1  # orders of all histories of a shop that may meet a machine standing still for longer than an order may take
PEOPLE = 4  # of one history: each costs two hashes
NOWHERE = 10**12  # a product that no shop has
UNFINISHED = "SELECT id FROM pedidos WHERE fase IN ('intento', 'abortando', 'devolviendo')"
_histories = itertools.count(1)

cents = st.sampled_from((1, 999, 12_990, 999_999_999))
stocks = st.sampled_from((None, 0, 2, 5, 20, 1000))
cantidades = st.integers(1, 4)
keys = st.sampled_from(("a", "b"))
edits = st.fixed_dictionaries(
    {},
    optional={
        "precio": cents,
        "stock": stocks,
        "activo": st.booleans(),
        "nombre": st.sampled_from(("Taza", "Tetera", "<b>Vaso</b>")),
    },
)
Wrong = str | dict[str, Any]
WRONG: tuple[Wrong, ...] = (
    "a strange product",
    "the owner's work",
    {"cantidad": 0},
    {"cantidad": -1},
    {"cantidad": 10_001},
    {"cantidad": True},
    {"cantidad": 1.0},
    {"cantidad": "1"},
    {"cantidad": None},
    {"producto_id": 0},
    {"producto_id": "1"},
    {"compra_id": "no uuid"},
    {"usuario_id": 1},
)


def lost_request(act: Callable[[], None]) -> proxy.Fault:
    return lambda exchange: act()


def lost_reply(act: Callable[[], None]) -> proxy.Fault:
    def fault(exchange: proxy.Exchange) -> None:
        exchange.deliver()
        act()

    return fault


LOSSES = {"the request": lost_request, "the reply": lost_reply}


def nothing() -> None:
    """Nobody is killed."""


class Histories(RuleBasedStateMachine):
    """One history of ``shop``. ``killed`` names the services that may die while an order is on its way.

    ``audited`` holds what the audit found in earlier histories, so that each answers for its own. ``stalled`` holds the
    orders of all histories of this shop that a machine standing still answered with 503.
    """

    people: Bundle[int] = Bundle("people")
    products: Bundle[int] = Bundle("products")
    orders: Bundle[int] = Bundle("orders")

    def __init__(
        self, shop: SagaShop, killed: tuple[str, ...], audited: set[str], stalled: list[str]
    ) -> None:
        super().__init__()
        self.shop = shop
        self.killed = killed
        self.audited = audited
        self.stalled = stalled
        self.number = next(_histories)
        self.categoria = f"historia {self.number}"
        self.model = ShopModel()
        self.persons: list[Person] = []
        self.names = itertools.count(1)
        self.patience = 0
        shop.proxy.heal()

    def name(self, what: str) -> str:
        return f"{what} {self.number}-{next(self.names)}"

    # What there is

    @initialize(patience=st.sampled_from((0, 0, 0, 1, 2)))
    def begin(self, patience: int) -> None:
        """``patience``: how many steps may take a second, so that most histories are quick."""
        self.patience = patience

    @initialize(target=people)
    def somebody(self) -> int:
        return self.registered()

    @initialize(target=products, stock=st.sampled_from((1, 5, None)))
    def something(self, stock: int | None) -> int:
        return self.added(1250, stock)

    @precondition(lambda self: len(self.persons) < PEOPLE)
    @rule(target=people)
    def register(self) -> int:
        return self.registered()

    def registered(self) -> int:
        self.persons.append(self.shop.person(email=f"{self.name('h').replace(' ', '')}@historias.test"))
        return len(self.persons) - 1

    @rule(person=people, what=st.sampled_from(("the right password", "a wrong one", "register again")))
    def sign_in(self, person: int, what: str) -> None:
        known = self.persons[person]
        if what == "the right password":
            again = self.shop.sign_in(known.email.upper(), known.password)
            assert (again.id, again.nombre) == (known.id, known.nombre)
            self.persons[person] = replace(known, token=again.token)
        elif what == "a wrong one":
            body = {"email": known.email, "password": f"{known.password}x"}
            answer = self.shop.usuarios.post("/login", json=body)
            self.check(answer, Told(401))
            assert answer.json() == {"error": "Credenciales inválidas"}
        else:
            body = {"nombre": "Otra", "email": known.email.upper(), "password": "otra clave 9"}
            answer = self.shop.usuarios.post("/registro", json=body)
            self.check(answer, Told(400))
            assert answer.json() == {"error": "El email ya está registrado"}

    # The catalogue

    @rule(target=products, precio=cents, stock=stocks, again=st.sampled_from((None, "the same", "another")))
    def add_product(self, precio: int, stock: int | None, again: str | None) -> int:
        return self.added(precio, stock, again)

    def added(self, precio: int, stock: int | None, again: str | None = None) -> int:
        nombre = self.name("Producto")
        answer = self.add(self.shop.admin, nombre, precio, stock)
        self.check(answer, Told(201))
        producto_id = int(answer.headers["Location"].rsplit("/", 1)[1])
        assert producto_id > max(self.model.products, default=0), "numbers rise"
        self.model.products[producto_id] = Product(producto_id, nombre, precio, stock, self.categoria)
        if again == "the same":
            repeated = self.add(self.shop.admin, nombre, precio, stock)
            self.check(repeated, Told(201, repeated=True))
            assert repeated.headers["Location"] == answer.headers["Location"]
        elif again == "another":
            other = self.add(self.shop.admin, nombre, precio - 1 or 2, stock)
            self.check(other, Told(422, "clave_reutilizada"))
        return producto_id

    def add(self, who: Person, nombre: str, precio: int, stock: int | None) -> requests.Response:
        body = {"nombre": nombre, "precio": precio / 100, "stock": stock, "categoria": self.categoria}
        key = {"Idempotency-Key": nombre.replace(" ", "-")}
        return self.shop.productos.post("/productos", who.token, json=body, headers=key)

    @rule(product=products, changes=edits, stale=st.booleans())
    def edit(self, product: int, changes: dict[str, Any], stale: bool) -> None:
        seen = self.model.products[product].version - stale
        told = self.model.edit(product, changes, seen)
        body = {**changes, **({"precio": changes["precio"] / 100} if "precio" in changes else {})}
        self.check_product(self.change(self.shop.admin, "PATCH", product, seen, body), product, told)

    @rule(product=products, for_good=st.booleans())
    def withdraw(self, product: int, for_good: bool) -> None:
        seen = self.model.products[product].version
        told = self.model.edit(product, {"activo": False}, seen)
        self.check_product(self.change(self.shop.admin, "DELETE", product, seen, {}), product, told)
        if not for_good:
            self.edit(product=product, changes={"activo": True}, stale=False)

    def change(
        self, who: Person, method: str, product: int, seen: int, body: dict[str, Any]
    ) -> requests.Response:
        headers = {"If-Match": f'"{seen}"'}
        return self.shop.productos.request(
            method, f"/productos/{product}", who.token, json=body, headers=headers
        )

    def check_product(self, answer: requests.Response, product: int, told: Told) -> None:
        self.check(answer, told)
        if told.status == 200:
            assert product_shown(answer.json()) == self.model.products[product].shown()

    # Orders

    @rule(target=orders, person=people, product=products, cantidad=cantidades)
    def order(self, person: int, product: int, cantidad: int) -> Any:
        return self.ordered(person, product, cantidad, None)

    @rule(target=orders, person=people, stock=st.sampled_from((4, 5, None)), cantidad=cantidades)
    def order_what_is_new(self, person: int, stock: int | None, cantidad: int) -> Any:
        return self.ordered(person, self.added(1999, stock), cantidad, None)

    @rule(target=orders, person=people, product=products, cantidad=cantidades, key=keys)
    def order_with_key(self, person: int, product: int, cantidad: int, key: str) -> Any:
        return self.ordered(person, product, cantidad, key)

    @rule(target=orders, which=st.integers(0, 5))
    def order_again(self, which: int) -> Any:
        """One of the requests with a key once more, where there was one."""
        known = list(self.model.keys.items())
        if not known:
            return multiple()
        (person, key), asked = known[which % len(known)]
        return self.ordered(person, asked.product, asked.cantidad, key)

    @rule(target=orders, person=people, product=products, cantidad=cantidades)
    def order_twice(self, person: int, product: int, cantidad: int) -> Any:
        """As from a double click."""
        key = f"twice-{next(self.names)}"
        first = self.ordered(person, product, cantidad, key)
        self.ordered(person, product, cantidad, key)
        return first

    @rule(person=people, product=products, wrong=st.sampled_from(WRONG), key=keys)
    def what_is_refused(self, person: int, product: int, wrong: Wrong, key: str) -> None:
        """None of these uses the key up, or changes anything."""
        who = self.persons[person]
        if wrong == "a strange product":
            self.ordered(person, NOWHERE, 1, None)
        elif wrong == "the owner's work":
            self.check(self.add(who, self.name("Prohibido"), 1, 1), Told(403))
            for method in ("PATCH", "DELETE"):
                self.check(self.change(who, method, product, 1, {"stock": 1000}), Told(403))
        elif isinstance(wrong, dict):
            body = {"producto_id": product, "cantidad": 1, **wrong}
            headers = {"Idempotency-Key": self.key(key)}
            answer = self.shop.pedidos.post("/pedidos", who.token, json=body, headers=headers)
            self.check(answer, Told(403 if "usuario_id" in wrong else 400))

    def key(self, key: str) -> str:
        return f"{key}-{self.number}"

    def ordered(self, person: int, product: int, cantidad: int, key: str | None) -> Any:
        """The number of the order for its bundle, where there is a new one."""
        undecided = self.model.is_open(person, key)
        told = self.model.order(person, product, cantidad, key)
        text = self.key(key) if key else None

        def ask() -> requests.Response | None:
            answer = self.shop.a_pedido(self.persons[person], product, cantidad, text)
            # What an undecided key stood for is undone without the client: until then it is told to wait.
            waits = answer.status_code == 503 or "en_curso" in answer.text
            return None if undecided and waits else answer

        answer = poll(lambda: [answer] if (answer := ask()) is not None else None)[0]
        if answer.status_code == 503 and not told.repeated and len(self.stalled) < STALLS:
            self.stalled.append(answer.text)
            self.not_placed(person, product, cantidad, key)
            return multiple()
        self.check(answer, told)
        if told.status != 201:
            return multiple()
        number = int(answer.headers["Location"].rsplit("/", 1)[1])
        assert answer.json() == {"mensaje": "Pedido creado correctamente"}
        if told.repeated:
            assert key
            assert number == self.model.keys[person, key].order
            return multiple()
        self.model.placed(number, person, product, cantidad, key)
        return number

    def not_placed(self, person: int, product: int, cantidad: int, key: str | None) -> None:
        """Every list and stock from here on must agree with what a 503 says."""
        if key:
            self.model.left(person, product, cantidad, key)
        self.settle()

    @precondition(lambda self: self.patience > 0)
    @rule(
        target=orders,
        person=people,
        product=products,
        cantidad=cantidades,
        lost=st.sampled_from(tuple(LOSSES)),
        victim=st.sampled_from(("nobody", "productos", "pedidos")),
        ending=st.sampled_from(("retried", "left")),
    )
    def interrupted_order(
        self, person: int, product: int, cantidad: int, lost: str, victim: str, ending: str
    ) -> Any:
        """An order whose message is lost, while a service dies or not. Its client asks again with its key, or goes."""
        self.patience -= 1
        key = f"interrupted-{next(self.names)}"
        victim = victim if victim in self.killed else "nobody"
        self.lose("PUT", lost, victim)
        try:
            answer = self.shop.a_pedido(self.persons[person], product, cantidad, self.key(key))
        except requests.ConnectionError:
            assert victim == "pedidos"
        else:
            self.check(answer, Told(503))
        self.mend(victim)
        self.model.left(person, product, cantidad, key)
        if ending == "retried":
            return self.ordered(person, product, cantidad, key)
        self.settle()
        return multiple()

    def lose(self, method: str, lost: str, victim: str) -> None:
        if victim == "nobody":
            self.shop.proxy.always(method, LOSSES[lost](nothing))
        else:
            self.shop.proxy.once(method, LOSSES[lost](self.service(victim).kill))

    def mend(self, victim: str) -> None:
        self.shop.proxy.heal()
        if victim != "nobody":
            self.service(victim).start()

    def service(self, name: str) -> Service:
        service: Service = getattr(self.shop, name)
        return service

    @rule(
        order=orders,
        who=st.sampled_from((BUYER, ADMINISTRATOR)),
        estado=st.sampled_from(ESTADOS),
        seen=st.sampled_from((None, 0, 1)),
    )
    def move(self, order: int, who: str, estado: str, seen: int | None) -> None:
        """``seen``: None without If-Match, else how many versions ago."""
        self.moved(order, who, estado, seen)

    @rule(order=orders)
    def ship_and_deliver(self, order: int) -> None:
        for estado in (ENVIADO, ENTREGADO):
            self.moved(order, ADMINISTRATOR, estado)

    @rule(order=orders)
    def step_back(self, order: int) -> None:
        before = {ENVIADO: PENDIENTE, ENTREGADO: ENVIADO}.get(self.model.orders[order].estado, PENDIENTE)
        self.moved(order, ADMINISTRATOR, before)

    @rule(order=orders, motivo=st.sampled_from((None, "Ya no lo necesito")))
    def cancel(self, order: int, motivo: str | None) -> None:
        self.moved(order, BUYER, CANCELADO, motivo=motivo)

    @rule(order=orders, estado=st.sampled_from(ESTADOS))
    def move_what_is_not_ones_own(self, order: int, estado: str) -> None:
        if len(self.persons) > 1:
            self.moved(order, STRANGER, estado)

    def moved(
        self, number: int, who: str, estado: str, ago: int | None = None, motivo: str | None = None
    ) -> None:
        order = self.model.orders[number]
        person = self.shop.admin
        if who != ADMINISTRATOR:
            person = self.persons[(order.buyer + (who == STRANGER)) % len(self.persons)]
        seen = None if ago is None else order.version - ago
        headers = {} if seen is None else {"If-Match": f'"{seen}"'}
        told = self.model.move(number, who, estado, seen, motivo)
        body = {"estado": estado, **({"motivo": motivo} if motivo else {})}
        answer = self.shop.pedidos.patch(f"/pedidos/{number}", person.token, json=body, headers=headers)
        self.check(answer, told)
        if told.status == 200:
            assert order_shown(answer.json()) == self.shown(order)

    @precondition(lambda self: self.patience > 0)
    @rule(
        order=orders,
        lost=st.sampled_from(tuple(LOSSES)),
        victim=st.sampled_from(("nobody", "productos")),
    )
    def interrupted_cancel(self, order: int, lost: str, victim: str) -> None:
        """The order is cancelled at once; its stock goes back when the message arrives."""
        self.patience -= 1
        holds = self.model.orders[order].estado == PENDIENTE
        victim = victim if victim in self.killed and holds else "nobody"
        self.lose("DELETE", lost, victim)
        self.moved(order, BUYER, CANCELADO)
        self.mend(victim)
        self.settle()

    # Accidents

    @precondition(lambda self: self.patience > 0)
    @rule(name=st.sampled_from(("usuarios", "productos", "pedidos")), gently=st.booleans())
    def restart(self, name: str, gently: bool) -> None:
        self.patience -= 1
        service = self.service(name)
        if gently:
            assert service.stop() == 0
        else:
            service.kill()
        service.start()

    # What must be so

    @invariant()
    def the_catalogue_is_the_models(self) -> None:
        if self.model.products:
            path = f"/productos?limite=500&categoria={self.categoria}"
            assert self.products_at(path) == self.model.listed()

    def products_at(self, path: str) -> list[dict[str, Any]]:
        """This history's products as they are listed there."""
        answer = self.shop.productos.get(path, self.shop.admin.token)
        self.check(answer, Told(200))
        first = min(self.model.products)
        return [product_shown(one) for one in answer.json() if one["id"] >= first]

    @rule(person=people)
    def list_orders(self, person: int) -> None:
        usuario, path = self.persons[person], f"/pedidos/usuario/{self.persons[person].id}"
        expected = [self.shown(order) for order in self.model.orders_of(person)]
        for token in (usuario.token, self.shop.admin.token):
            answer = self.shop.pedidos.get(path, token)
            self.check(answer, Told(200))
            assert [order_shown(one) for one in answer.json()] == expected
        for one in expected[-1:]:
            answer = self.shop.pedidos.get(f"/pedidos/{one['id']}", usuario.token)
            self.check(answer, Told(200))
            assert order_shown(answer.json()) == one
        others = [other for other in self.persons if other.id != usuario.id]
        for other in others[:1]:
            self.check(self.shop.pedidos.get(path, other.token), Told(403))

    def shown(self, order: Order) -> dict[str, Any]:
        return order.shown(self.persons[order.buyer].id)

    def settle(self) -> None:
        poll(lambda: not self.shop.pedidos.sql(UNFINISHED))

    def check(self, answer: requests.Response, told: Told) -> None:
        body = answer.json()
        codigo = body.get("codigo") if isinstance(body, dict) else None
        met = Told(answer.status_code, codigo, "Idempotent-Replayed" in answer.headers)
        assert met == told, f"{answer.request.method} {answer.request.path_url}: {met} {body}, not {told}"
        if told.status >= 400:
            assert isinstance(body["error"], str)

    def teardown(self) -> None:
        """Mend what a history left broken; one that went well ends with every list and the audit."""
        self.shop.proxy.heal()
        for service in self.shop.services:
            if service.process is None or service.process.poll() is not None:
                service.start()
        if sys.exc_info()[0] is not None:
            self.audited.update(faults(self.shop))
        elif self.model.products:
            self.look_at_everything()

    def look_at_everything(self) -> None:
        assert self.products_at("/productos") == self.model.listed()
        for person in range(len(self.persons)):
            self.list_orders(person)
        self.settle()
        found = set(faults(self.shop)) - self.audited
        self.audited.update(found)
        assert not found


# Members that are added beside these change nothing for a client.
OF_A_PRODUCT = Product(0, "", 0, None, "").shown().keys()
OF_AN_ORDER = Order(0, 0, 0, 0, "", 0, False).shown(0).keys()


def product_shown(product: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in product.items() if name in OF_A_PRODUCT}


def order_shown(order: dict[str, Any]) -> dict[str, Any]:
    """An order as answered, of its times only whether they are there."""
    return {
        name: value is not None if name in EVERY_TIME else value
        for name, value in order.items()
        if name in OF_AN_ORDER
    }
