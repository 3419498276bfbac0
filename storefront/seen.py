"""The products looked at last: their ids in a signed cookie, the newest first, for an empty cart to lead back to."""

from flask import request

from storefront import cookies

MOST = 4
DAYS_KEPT = 30


def see(producto_id: int) -> None:
    """The visitor looks at a product. A page that the browser fetches ahead is looked at only once it is opened."""
    if request.headers.get("Sec-Purpose", "").startswith("prefetch"):
        return
    before = seen()
    after = [producto_id, *(one for one in before if one != producto_id)][:MOST]
    if after != before:
        cookies.write("vistos", ".".join(map(str, after)), DAYS_KEPT * 86400)


def seen() -> list[int]:
    text = cookies.read("vistos")
    return [int(one) for one in text.split(".")] if text else []


def forget_seen() -> None:
    if seen():
        cookies.write("vistos", "")
