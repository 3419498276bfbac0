"""Customers who buy and cancel all the while, and what the shop told them."""

import random
import threading
from collections import Counter
from typing import Self

import requests

from tests.shop import Person, Shop, a_key


class Buyers:
    """While the block runs, each of ``people`` orders one thing after another and cancels some of them.

    What was acknowledged is kept: ``placed`` and ``cancelled`` hold the numbers of orders. A refusal to serve and a broken
    connection are answered by asking again with the same key, as a careful client does.
    """

    def __init__(self, shop: Shop, people: list[Person], products: list[int]) -> None:
        self.shop = shop
        self.products = products
        self.placed: set[int] = set()
        self.cancelled: set[int] = set()
        self.statuses: Counter[int] = Counter()
        self.broken_connections = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._buy, args=(person,)) for person in people]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _buy(self, person: Person) -> None:
        chance = random.Random(person.id)
        while not self._stop.is_set():
            body = {"producto_id": chance.choice(self.products), "cantidad": chance.randint(1, 3)}
            answer = self._asked("POST", "/pedidos", person, json=body, headers={"Idempotency-Key": a_key()})
            if answer is None or answer.status_code != 201:
                continue
            path = answer.headers["Location"]
            order = int(path.rsplit("/", 1)[1])
            with self._lock:
                self.placed.add(order)
            if chance.random() < 0.4:
                answer = self._asked("PATCH", path, person, json={"estado": "cancelado"})
                if answer is not None and answer.status_code == 200:
                    with self._lock:
                        self.cancelled.add(order)

    def _asked(self, method: str, path: str, person: Person, **options: object) -> requests.Response | None:
        """The final answer; None where the load ended before there was one."""
        while not self._stop.is_set():
            try:
                answer = self.shop.pedidos.request(method, path, person.token, **options)
            except requests.ConnectionError:
                with self._lock:
                    self.broken_connections += 1
                self._stop.wait(0.05)
                continue
            with self._lock:
                self.statuses[answer.status_code] += 1
            if answer.status_code != 503 and answer.json().get("codigo") != "en_curso":
                return answer
            self._stop.wait(0.1)
        return None


def stands(shop: Shop) -> dict[int, str]:
    """Every order that the shop shows, with its estado."""
    rows = shop.pedidos.sql(
        "SELECT id, estado FROM pedidos WHERE fase IN ('confirmado', 'devolviendo', 'devuelto')"
    )
    return {row.id: row.estado for row in rows}


def kept(shop: Shop, buyers: Buyers) -> bool:
    """Whether everything that the buyers were told is so."""
    found = stands(shop)
    return buyers.placed <= found.keys() and all(found[order] == "cancelado" for order in buyers.cancelled)
