"""What happened, told once on the next page: kept in a signed cookie between a write and the page after
it.
"""

import json
from typing import Any

from flask import g

from storefront import cookies

MOST = 3
SECONDS = 300
LONGEST = 3000  # with its signature and name it still fits into a cookie


def notify(tone: str, text: str, links: list[tuple[str, str]] | None = None, **details: Any) -> None:
    """Tells `text` on the page that is shown next. `tone` is ok, info, warn or bad; quiet is only heard."""
    g.setdefault("notices_out", []).append({"tone": tone, "text": text, "links": links or [], **details})


def take_notices() -> list[dict[str, Any]]:
    """The notices to show on this page, which are then forgotten."""
    if "notices" not in g:
        g.notices = _stored()
        if g.notices:
            cookies.write("avisos", "")
    shown = [*g.notices, *g.pop("notices_out", [])]
    g.notices = shown
    return shown


def has_notices() -> bool:
    return bool(cookies.read("avisos")) or bool(g.get("notices_out"))


def _stored() -> list[dict[str, Any]]:
    value = cookies.read("avisos")
    if not value:
        return []
    stored: list[dict[str, Any]] = json.loads(value)
    return stored


def keep_notices() -> None:
    """Called for every answer: what no page has shown yet travels on."""
    waiting = g.pop("notices_out", [])
    if not waiting:
        return
    kept = [*(_stored() if "notices" not in g else []), *waiting][-MOST:]
    text = json.dumps(kept, separators=(",", ":"))
    while len(text) > LONGEST and len(kept) > 1:
        kept = kept[1:]
        text = json.dumps(kept, separators=(",", ":"))
    cookies.write("avisos", text, SECONDS)
