"""Fixtures of every suite: PostgreSQL, and shops over both databases."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests import postgres
from tests.shop import Shop

BACKENDS = ("sqlite", "postgresql")
_names = itertools.count(1)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that run side by side (-n) go by file and database, so that no process starts its shop again and again."""
    for item in items:
        backend = (
            item.callspec.params.get("backend", "")
            if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            else ""
        )
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {backend}"))


def pytest_make_parametrize_id(val: object) -> str | None:
    """A long text by its beginning and its length: the whole would not fit into a program's environment."""
    return f"{val[:40]!a} ({len(val)} long)" if isinstance(val, str | bytes) and len(val) > 100 else None


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """One for all tests of a process: a second one beside it cannot be."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.PostgreSQL]:
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def base_url(backend: str, request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Gives the base database of a shop in a folder."""

    def url(folder: Path) -> str:
        if backend == "sqlite":
            return f"sqlite:///{folder / 'database.db'}"
        server: postgres.PostgreSQL = request.getfixturevalue("postgresql")
        return server.new_database(f"shop{next(_names)}")

    return url


@pytest.fixture(scope="session")
def shop(base_url: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One running shop for all tests of a backend: add what you need, count on nothing else."""
    folder = tmp_path_factory.mktemp("shop")
    shop = Shop(folder, base_url(folder))
    try:
        shop.start()
        assert shop.admin.id == 1
        yield shop
    finally:
        shop.stop()


@pytest.fixture
def new_shop(base_url: Callable[[Path], str], tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    """Starts shops of a test's own, with empty databases and settings of its own."""
    shops: list[Shop] = []

    def start(running: bool = True, **environment: str) -> Shop:
        folder = tmp_path / f"shop{len(shops)}"
        folder.mkdir()
        shop = Shop(folder, base_url(folder), environment)
        shops.append(shop)
        if running:
            shop.start()
        return shop

    yield start
    for shop in shops:
        shop.stop()
