"""Two languages: Spanish is the text in the sources, English stands in `translations/en.po`.

The language is part of the address (`/en/…`), never of a cookie, so a shared link opens as it was seen.
The prefix becomes SCRIPT_NAME before Flask sees the request: routes know nothing of it and `url_for` puts
it back.
"""

import gettext
import io
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, request

from storefront.money import locale_for

LANGUAGES = {"es": "Español", "en": "English"}
PREFIX = "/en"
CATALOGUE = Path(__file__).with_name("translations") / "en.po"

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class LanguagePrefix:
    """WSGI middleware that moves a leading `/en` from PATH_INFO to SCRIPT_NAME."""

    def __init__(self, application: Wsgi) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(f"{PREFIX}/"):
            environ["SCRIPT_NAME"] = PREFIX
            environ["PATH_INFO"] = path[len(PREFIX) :]
        return self._application(environ, start_response)


@cache
def _english() -> gettext.NullTranslations:
    with CATALOGUE.open("rb") as source:
        catalogue = read_po(source, locale="en")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def language() -> str:
    """The language of this request: `es` or `en`."""
    return "en" if request.script_root == PREFIX else "es"


def _(message: str, **values: Any) -> str:
    """`message` in the language of this request, with its %(names)s filled in."""
    translated: str = g.translations.gettext(message)
    return translated % values if values else translated


def ngettext(singular: str, plural: str, num: int, **values: Any) -> str:
    """The form for `num`, which also fills %(num)s."""
    translated: str = g.translations.ngettext(singular, plural, num)
    return translated % {"num": num, **values}


def moment(when: datetime, currency: str) -> str:
    """A moment for people: `24 de noviembre de 2026, 18:05`, in the machine's time zone."""
    local = when.astimezone()
    locale = locale_for(currency, language())
    return f"{format_date(local, 'long', locale=locale)}, {local:%H:%M}"


def parse_moment(text: object) -> datetime | None:
    """A time of the wire (ISO 8601, UTC when it names no zone); None for what is no time."""
    if not isinstance(text, str):
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _gettext(message: str) -> str:
    return str(g.translations.gettext(message))


def _ngettext(singular: str, plural: str, count: int) -> str:
    return str(g.translations.ngettext(singular, plural, count))


def init_i18n(app: Flask) -> None:
    """Chooses the translations at the start of each request and gives them to the templates."""
    translations = {"es": gettext.NullTranslations(), "en": _english()}

    @app.before_request
    def choose_language() -> None:
        g.translations = translations[language()]

    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        _gettext,
        _ngettext,
        newstyle=True,
    )
