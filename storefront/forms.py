"""What people type into forms: read, kept for showing again, and judged field by field."""

import re
from collections.abc import Mapping

from storefront.i18n import _, ngettext
from storefront.money import format_cents, parse_price, plain_units

EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
DIGITS = re.compile(r"[0-9]{1,6}")
ID = re.compile(r"[1-9][0-9]{0,14}")
LONGEST_EMAIL = 254
LONGEST_NAME = 120
PASSWORD_BOUNDS = (8, 128)
LARGEST_PRICE = 999_999_999
LARGEST_STOCK = 1_000_000_000
AGAIN = "revisar"  # the fields to judge again, by name; a form that has it is not carried out


class Form:
    """The values of a form as typed, and its errors by field in the order they were found.

    `prefix` is put before the field's name to make the id of its control, where a page has two forms.
    A form sent only to have its wrong fields judged again has no errors but theirs, and is never valid.
    """

    def __init__(self, data: Mapping[str, str], prefix: str = "") -> None:
        self._data = data
        self._prefix = prefix
        self.errors: dict[str, str] = {}
        self.taken = False  # the e-mail has an account already
        self._understood: dict[str, str] = {}
        self._judged = data[AGAIN].split() if AGAIN in data else None

    def __getitem__(self, name: str) -> str:
        return self._understood.get(name) or self._data.get(name, "").strip()

    def error(self, name: str) -> str:
        return self.errors.get(name, "")

    def refuse(self, name: str, message: str) -> None:
        if self._judged is None or name in self._judged:
            self.errors.setdefault(name, message)

    @property
    def judged_again(self) -> bool:
        return self._judged is not None

    @property
    def valid(self) -> bool:
        """Whether what the form asks for may be done."""
        return not self.errors and not self.judged_again

    @property
    def status(self) -> int:
        """The status of the page that shows this form instead of carrying it out."""
        return 422 if self.errors else 200

    @property
    def announcement(self) -> str:
        """What is heard after a field was judged again."""
        if not self.judged_again:
            return ""
        return ". ".join(self.errors.values()) or _("Corregido.")

    @property
    def summary(self) -> list[tuple[str, str]]:
        """For the error summary: the id of each wrong control and its message."""
        return [(self._prefix + name if name else "", message) for name, message in self.errors.items()]

    def nombre(self, name: str = "nombre", empty: str = "") -> str:
        value = self[name]
        if not value:
            self.refuse(name, empty or _("Escribe tu nombre"))
        elif len(value) > LONGEST_NAME:
            self.refuse(
                name,
                ngettext("Usa como máximo %(num)s letra", "Usa como máximo %(num)s letras", LONGEST_NAME),
            )
        elif not value.isprintable():
            self.refuse(name, _("Quita los caracteres que no se ven"))
        return value

    def text(self, name: str, longest: int) -> str:
        """Text of any kind, empty where none was typed."""
        value = self[name].replace("\r\n", "\n")
        if len(value) > longest:
            self.refuse(name, _("Usa como máximo %(n)s caracteres", n=longest))
        return value

    def email(self) -> str:
        value = self["email"]
        if not value:
            self.refuse("email", _("Escribe tu correo"))
        elif len(value) > LONGEST_EMAIL or not EMAIL.fullmatch(value) or not value.isprintable():
            self.refuse("email", _("Escribe un correo como nombre@ejemplo.com"))
        return value

    def new_password(self, name: str = "password") -> str:
        """A password as chosen: nothing is cut off at its ends."""
        value = self._data.get(name, "")
        shortest, longest = PASSWORD_BOUNDS
        if len(value) < shortest:
            self.refuse(name, _("Usa al menos %(n)s caracteres", n=shortest))
        elif len(value) > longest:
            self.refuse(name, _("Usa como máximo %(n)s caracteres", n=longest))
        return value

    def password(self, name: str = "password") -> str:
        value = self._data.get(name, "")
        if not value:
            self.refuse(name, _("Escribe tu contraseña"))
        return value

    def precio(self, currency: str, language: str) -> int:
        """A price in cents; 0 with an error where it cannot be read."""
        cents = parse_price(self["precio"])
        if cents is None:
            self.refuse("precio", _("Escribe un precio, por ejemplo 1299.90"))
        elif cents == 0:
            self.refuse("precio", _("El precio debe ser mayor que cero"))
        elif cents > LARGEST_PRICE:
            most = format_cents(LARGEST_PRICE, currency, language)
            self.refuse("precio", _("El precio más alto es %(precio)s", precio=most))
        else:
            self._understood["precio"] = plain_units(cents)
        return cents or 0

    def stock(self) -> int | None:
        """How many there are; None where the field is empty and the product is not counted."""
        text = self["stock"]
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= LARGEST_STOCK):
            self.refuse("stock", _("Escribe las existencias con números, por ejemplo 25"))
            return None
        return int(text)


def read_quantity(text: str) -> int | None:
    """A quantity written with plain digits; None for anything else (1e3, ٣, 3;DROP)."""
    return int(text) if DIGITS.fullmatch(text.strip()) else None


def read_id(text: str) -> int:
    """An id in a form; 0, which no product has, for anything else."""
    return int(text) if ID.fullmatch(text) else 0


def shown_price(cents: int | None) -> str:
    return "" if cents is None else plain_units(cents)
