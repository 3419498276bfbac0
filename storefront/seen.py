"""The products looked at last: their ids in a signed cookie, the newest first, for an empty cart to lead back to.

A page that the browser fetches ahead is looked at only once it is opened. Its script then asks for it again; without
scripts, the page that is asked for from there says so.
"""

import re

from flask import request

from storefront import cookies
from storefront.security import own_origin

MOST = 4
DAYS_KEPT = 30
PRODUCT_PAGE = re.compile(r"(?:/en)?/productos/([1-9][0-9]{0,14})(?:[-?].*)?")


def see(producto_id: int) -> None:
    """The page of a product is asked for."""
    after = seen()
    if not request.headers.get("Sec-Purpose", "").startswith("prefetch"):
        after = _first(producto_id, after)
    if after != _kept():
        cookies.write("vistos", ".".join(map(str, after)), DAYS_KEPT * 86400)


def seen() -> list[int]:
    came_from = PRODUCT_PAGE.fullmatch((request.referrer or "").removeprefix(own_origin()))
    return _first(int(came_from[1]), _kept()) if came_from else _kept()


def forget_seen() -> None:
    if _kept():
        cookies.write("vistos", "")


def _first(producto_id: int, others: list[int]) -> list[int]:
    return [producto_id, *(one for one in others if one != producto_id)][:MOST]


def _kept() -> list[int]:
    text = cookies.read("vistos")
    return [int(one) for one in text.split(".")] if text else []
