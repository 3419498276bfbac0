"""HTML as the server sent it, before the checker of the W3C's validator (vnu)."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import Page, Response

CHECKER = Path(__file__).resolve().parents[2] / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
# It guesses a page's language from its words, which are the tests' own where a product has ten thousand of them.
GUESSES = ".*appears to be written in.*"
HAS_JAVA = shutil.which("java") is not None


class Answers:
    """Keeps what the server answered to a page's last navigation, one file for each name."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._folder = folder
        self._last: Response | None = None
        page.on("response", self._remember)

    def _remember(self, response: Response) -> None:
        if response.request.is_navigation_request() and not 300 <= response.status < 400:
            self._last = response

    def keep(self, name: str) -> None:
        assert self._last is not None
        file = re.sub(r"\W+", "-", name)
        (self._folder / f"{file}.html").write_bytes(self._last.body())


def errors_in(folder: Path) -> list[str]:
    """What the checker says against the HTML files of a folder, warnings too; nothing where Java is missing."""
    if not HAS_JAVA:
        return []
    command = [
        "java",
        "-jar",
        str(CHECKER),
        "--format",
        "json",
        "--stdout",
        "--exit-zero-always",
        "--filterpattern",
        GUESSES,
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    return [
        f"{Path(one['url']).stem}:{one.get('lastLine', 0)}: {one['message']} {one.get('extract', '')!r}"
        for one in json.loads(done.stdout)["messages"]
        if one["type"] != "info" or one.get("subType") == "warning"
    ]
