"""Every text of the storefront that is meant for people, as Babel finds it in the sources."""

from pathlib import Path

from babel.messages.extract import extract_from_file

STOREFRONT = Path(__file__).resolve().parents[2] / "storefront"
KEYWORDS = {"_": None, "ngettext": (1, 2)}
TEMPLATE_OPTIONS = {"trimmed": "true", "extensions": "jinja2.ext.i18n"}
# The patterns page shows made-up texts to people who change the look, and only under DEBUG.
NOT_FOR_PEOPLE = {"estilos.html"}

Message = str | tuple[str, str]


def messages() -> list[Message]:
    """Each message once, in the order of the files; a pair where it has a plural."""
    found: dict[Message, None] = {}
    sources = [("python", path) for path in sorted(STOREFRONT.glob("*.py"))]
    sources += [("jinja2.ext:babel_extract", path) for path in sorted(STOREFRONT.rglob("*.html"))]
    for method, path in sources:
        options = TEMPLATE_OPTIONS if path.suffix == ".html" else {}
        if path.name in NOT_FOR_PEOPLE:
            continue
        for _line, message, _comments, _context in extract_from_file(
            method, str(path), keywords=KEYWORDS, options=options
        ):
            found.setdefault(message if isinstance(message, str) else (message[0], message[1]))
    return list(found)
