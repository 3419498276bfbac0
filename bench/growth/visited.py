"""A shop of one size, with people who ask it one thing after another."""

import statistics
import time

import requests

from bench import data
from bench.growth.calls import ADMINISTRATOR, SHOPPERS, Call, shopper
from bench.journey import Visitor
from bench.load import LoadError
from bench.people import token
from bench.processes import memory
from bench.programs import MODULES, Shop

CALLS = 60  # of each kind for one figure
MEBIBYTE = 2**20


class Visited:
    """A running shop with an administrator and shoppers signed in."""

    def __init__(self, size: data.Size, shop: Shop) -> None:
        self.size = size
        self.shop = shop
        self._tokens = {number: token(shop, number) for number in (ADMINISTRATOR, *SHOPPERS)}
        self._visitors = {
            "administrator": self._visitor(ADMINISTRATOR),
            "shopper": self._visitor(SHOPPERS.start),
        }
        self._session = requests.Session()
        self._number = 0

    def _visitor(self, number: int) -> Visitor:
        visitor = Visitor(self.shop.address("storefront"))
        visitor.sign_in(data.email(number), data.PASSWORD)
        return visitor

    def p95(self, call: Call) -> float:
        """Milliseconds under which 95 % of the answers took."""
        return statistics.quantiles([self._milliseconds(call) for _ in range(CALLS)], n=20)[-1]

    def _milliseconds(self, call: Call) -> float:
        self._number += 1
        path = call.path(self._number, self.size)
        number = ADMINISTRATOR if call.by == "administrator" else shopper(self._number)
        headers = {"Authorization": f"Bearer {self._tokens[number]}"}
        started = time.perf_counter()
        if call.program == "storefront":
            self._visitors[call.by].see(path)
        else:
            answer = self._session.get(self.shop.address(call.program) + path, headers=headers, timeout=30)
            if answer.status_code != 200:
                raise LoadError(f"{path} answered {answer.status_code}")
        return (time.perf_counter() - started) * 1000

    def memory(self) -> dict[str, float]:
        """MiB of each program."""
        return {name: memory(self.shop.group(name)) / MEBIBYTE for name in MODULES}
