"""A shop to break, and the check at the end of each test."""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.sagas import poll
from tests.faults.checker import VISIBLE, log_sizes, logged, settle, violations
from tests.faults.customers import ApiCustomer, Shopper
from tests.faults.history import OK, History
from tests.faults.selection import EVERYTHING, SEED, is_chosen
from tests.faults.supervisor import FaultyShop
from tests.shop import Person

# Five seconds are promised (the report says what it took); beside other tests a program has to wait for a processor.
SERVES_WITHIN = 10.0 if EVERYTHING else 15.0
HERE = Path(__file__).parent
FAULTS = re.compile(r"F\d+")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not chosen. Each test says in its first words which fault it is; the report counts by that."""
    left_out = []
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == HERE:
            named = FAULTS.match(item.function.__doc__ or "")
            assert named, f"{item.nodeid} does not say which fault it is"
            item.user_properties.append(("fault", named[0]))
            backend = item.callspec.params.get("backend", "") if hasattr(item, "callspec") else ""
            if not is_chosen(item.originalname, str(backend)):
                left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


class Stage:
    """A running shop, its people, and the history of what one test does to it."""

    def __init__(self, shop: FaultyShop, name: str, folder: Path) -> None:
        self.shop = shop
        self.seed = SEED
        self.chance = random.Random(f"{SEED} {name}")
        self.history = History(folder / "history.jsonl", SEED)
        self.late: dict[
            str, float
        ] = {}  # seconds that a fault may hold a program's answers beyond the deadline
        self.starved = False  # whether a program may answer 500
        self.people: list[Person] = []
        self._logs = log_sizes(shop)

    def a_person(self) -> Person:
        number = len(self.people) + 1
        name = f"canario{self.chance.randrange(10**9)}"
        self.people.append(
            self.shop.person(nombre=name, email=f"{name}@pingui.test", password=f"secreto {name} {number}")
        )
        return self.people[-1]

    def a_customer(self) -> ApiCustomer:
        return ApiCustomer(self.shop, self.history, self.a_person())

    def a_shopper(self) -> Shopper:
        return Shopper(self.shop, self.history, self.a_person()).sign_in()

    def until_more_ok(self, more: int = 10, seconds: float = 30) -> None:
        """Wait until ``more`` calls more have been answered ok."""
        goal = self.history.outcomes()[OK] + more
        poll(lambda: self.history.outcomes()[OK] >= goal, seconds)

    def check(self) -> float:
        """Heal, wait, and compare everything with everything; the seconds until the shop served."""
        seconds = settle(self.shop, SERVES_WITHIN)
        broken = violations(self.shop, self.history, self.late)
        broken += logged(self.shop, self.people, self._logs)
        if self.starved:
            broken = [line for line in broken if " answers 500: " not in line]
        assert not broken, f"seed {SEED}, history {self.history.file}:\n" + "\n".join(broken[:20])
        return seconds


@pytest.fixture(scope="module")
def faulty_shop(
    base_url: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyShop]:
    folder = tmp_path_factory.mktemp("faults")
    shop = FaultyShop(folder, base_url(folder))
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


@pytest.fixture
def stage(faulty_shop: FaultyShop, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The module's shop for one test, which ends with the check of everything."""
    yield from staged(faulty_shop, tmp_path, request)


def staged(shop: FaultyShop, folder: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = Stage(shop, request.node.nodeid, folder)
    print(f"seed {SEED}: make faults SEED={SEED}")
    before, kills = ordered(shop), shop.supervisor.kills.total()
    yield stage
    served = stage.check()
    told: dict[str, float] = {
        "calls": len(stage.history.calls),
        **stage.history.outcomes(),
        "orders": ordered(shop) - before,
        "kills": shop.supervisor.kills.total() - kills,
        "served": round(served, 2),
    }
    request.node.user_properties += told.items()


def ordered(shop: FaultyShop) -> int:
    return len(shop.pedidos.sql(VISIBLE))
