"""A running shop, one Chromium, and a context for each test that must end without a complaint of the browser.

The trace and a picture of what failed are kept under tests/artifacts/.
"""

import itertools
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

from operations.browser import CHROMIUM, chromium
from tests.e2e.running import Running
from tests.shop import Person

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
# Chromium reports every answer from 400 on as an error; a test that expects one says so by its status.
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d|503)")
SETTLED = """(() => { const running = window.running = new Set();
document.addEventListener('htmx:before:request', event => running.add(event.detail.ctx));
document.addEventListener('htmx:finally:request', event => running.delete(event.detail.ctx)); })()"""
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("shop"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium(playwright), args=CHROMIUM)
    yield browser
    browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED = pytest.StashKey[bool]()


@pytest.fixture(params=[True, False], ids=["js", "no-js"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Whether the browser runs JavaScript; a test that asks for this runs both ways."""
    return bool(request.param)


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest, browser: Browser, shop: Running
) -> Iterator[Callable[..., Page]]:
    """Opens a page in a context of its own: `open_page(scripts=False, width=390, scheme="dark")`."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not EXPECTED.match(message.text):
            complaints.append(f"{message.type}: {message.text}")

    def opened(
        scripts: bool = True, width: int = 1280, height: int = 900, scheme: str = "light", **options: object
    ) -> Page:
        context = browser.new_context(
            base_url=shop.url,
            java_script_enabled=scripts,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale="es-MX",
            reduced_motion="reduce",
            **options,  # type: ignore[arg-type]
        )
        context.set_default_timeout(8_000)
        context.tracing.start(snapshots=True)
        context.on("console", listen)
        context.on("weberror", lambda error: complaints.append(f"exception: {error.error}"))
        if scripts:
            context.add_init_script(SETTLED)
        contexts.append(context)
        return context.new_page()

    yield opened
    failed = request.node.stash.get(FAILED, True)
    for context in contexts:
        if failed:
            name = re.sub(r"\W+", "-", request.node.nodeid.split("::", 1)[1])
            folder = ARTIFACTS / f"{name}-{next(_numbers)}"
            folder.mkdir(parents=True, exist_ok=True)
            for number, page in enumerate(context.pages):
                page.screenshot(path=folder / f"{number}.png", full_page=True)
            context.tracing.stop(path=folder / "trace.zip")
        context.close()
    if not failed:
        assert complaints == []


@pytest.fixture
def page(open_page: Callable[..., Page], scripts: bool) -> Page:
    return open_page(scripts=scripts)


@pytest.fixture
def shopper(shop: Running) -> Person:
    """Somebody with an account."""
    return shop.services.person()


def settled(page: Page) -> None:
    """Waits until no request of htmx is under way."""
    page.wait_for_function("() => document.readyState === 'complete' && (window.running?.size ?? 0) === 0")


def sign_in(page: Page, person: Person, path: str = "/cuenta") -> None:
    """Signs in by the form and goes on to `path`."""
    page.goto(f"/entrar?siguiente={path}")
    page.locator("#entrar-email").fill(person.email)
    page.locator("#entrar-password").fill(person.password)
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url(f"**{path}*")
