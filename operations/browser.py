"""The Chromium of the machine, as the tests and the measuring start it."""

from playwright.sync_api import Playwright

from operations.setup import chromium_on_path

CHROMIUM = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def chromium(playwright: Playwright) -> str:
    """The one on PATH, else Playwright's."""
    return chromium_on_path() or playwright.chromium.executable_path
