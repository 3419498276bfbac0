"""A picture on its way from a form to the products service, which alone decodes it and makes its sizes."""

from dataclasses import dataclass

from flask import request

from storefront.forms import Form
from storefront.i18n import _
from storefront.session import store, visitor

LARGEST = 5_000_000
LONGEST_NAME = 100


@dataclass(frozen=True)
class Picture:
    """Bytes that begin like a picture. `kept` is the name under which they wait for the form to be right."""

    content: bytes
    name: str
    kept: str = ""

    @property
    def content_type(self) -> str:
        return sniff(self.content)


def sniff(content: bytes) -> str:
    """The type that the first bytes promise; empty for none of PNG, JPEG, WebP, AVIF."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp" and content[8:12] in (b"avif", b"avis", b"mif1", b"miaf"):
        return "image/avif"
    return ""


def read_picture(form: Form) -> Picture | None:
    """The picture just chosen, else the one kept from before; None for neither. Errors go to `form`."""
    chosen = request.files.get("imagen")
    content = chosen.read() if chosen is not None else b""
    if chosen is not None:
        chosen.close()
    if not content:
        return _kept()
    if len(content) > LARGEST:
        size = f"{len(content) / 1_000_000:.1f}"
        form.refuse("imagen", _("La imagen pesa %(n)s MB. El máximo es 5 MB.", n=size))
        return None
    if not sniff(content):
        form.refuse("imagen", unreadable_text())
        return None
    name = (chosen.filename or "") if chosen is not None else ""
    return Picture(content, "".join(one for one in name if one.isprintable())[-LONGEST_NAME:])


def unreadable_text() -> str:
    return _("No pudimos leer este archivo como imagen. Usa JPG, PNG, WebP o AVIF.")


def _kept() -> Picture | None:
    key = request.form.get("imagen_guardada", "")
    content = store().kept_form(key, visitor().usuario_id) if key else None
    return Picture(content, request.form.get("imagen_nombre", "")[-LONGEST_NAME:], key) if content else None


def keep(picture: Picture | None, form: Form) -> Picture | None:
    """Keeps a picture while another field of its form is wrong; a form that is only judged again is sent once more."""
    if picture is None or picture.kept:
        return picture
    if form.judged_again:
        return None
    return Picture(picture.content, picture.name, store().keep_form(picture.content, visitor().usuario_id))
