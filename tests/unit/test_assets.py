"""The one stylesheet, the scripts and the drawings: how they are joined, named and sent."""

import gzip
import os
from pathlib import Path

import brotli
import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from storefront.assets import FOR_EVER, STATIC, init_assets, last_written

KILOBYTE = 1024


def a_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    for name, text in {
        "css/20-colours.css": "p { color: navy }\n",
        "css/00-layers.css": "@layer reset, base;\n",
        "js/app.js": "'use strict';\n" * 50,
        "img/icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "img/notes.md": "not served",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "htmx.min.js").write_text("var htmx = {};")
    return folder


def an_app(folder: Path, *, debug: bool = False) -> Flask:
    app = Flask("shop", static_folder=None)
    app.debug = debug
    app.config.update(STATIC_FOLDER=folder, HTMX_PATH=folder.parent / "htmx.min.js")
    init_assets(app)
    return app


def url_of(app: Flask, name: str) -> str:
    with app.test_request_context():
        return render_template_string("{{ asset(name) }}", name=name)


def fetch(client: FlaskClient, path: str, accept: str = "") -> TestResponse:
    return client.get(path, headers={"Accept-Encoding": accept})


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return an_app(a_folder(tmp_path))


def test_styles_are_joined_in_the_order_of_their_names(app: Flask) -> None:
    answer = fetch(app.test_client(), url_of(app, "app.css"))
    assert answer.text == "@layer reset, base;\np { color: navy }\n"
    assert answer.content_type == "text/css; charset=utf-8"


def test_every_file_says_what_it_is_and_may_be_kept_for_ever(app: Flask) -> None:
    for name, content_type in {
        "app.js": "text/javascript; charset=utf-8",
        "htmx.js": "text/javascript; charset=utf-8",
        "img/icon.svg": "image/svg+xml",
    }.items():
        answer = fetch(app.test_client(), url_of(app, name))
        assert answer.status_code == 200
        assert answer.content_type == content_type
        assert answer.headers["Cache-Control"] == FOR_EVER
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("*", "br"),
        ("deflate", None),
        ("", None),
    ],
)
def test_the_body_comes_in_an_encoding_the_browser_takes(
    app: Flask, accept: str, encoding: str | None
) -> None:
    answer = fetch(app.test_client(), url_of(app, "app.js"), accept)
    decode = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    assert answer.headers.get("Content-Encoding") == encoding
    assert decode(answer.data) == b"'use strict';\n" * 50


def test_a_kept_copy_is_confirmed_without_sending_it_again(app: Flask) -> None:
    client, path = app.test_client(), url_of(app, "app.js")
    etags = {fetch(client, path, accept).headers["ETag"] for accept in ("", "gzip", "br")}
    assert len(etags) == 3
    again = client.get(
        path, headers={"Accept-Encoding": "br", "If-None-Match": fetch(client, path, "br").headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/app.css",
        "/static/app.0000000000000000.css",
        "/static/img/notes.md",
        "/static/../pyproject.toml",
        "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/static//etc/passwd",
        "/static/",
    ],
)
def test_only_known_addresses_are_answered(app: Flask, path: str) -> None:
    assert app.test_client().get(path, follow_redirects=True).status_code == 404


def test_the_address_follows_the_content(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    before = url_of(an_app(folder), "app.css")
    assert url_of(an_app(folder), "app.css") == before
    (folder / "css" / "20-colours.css").write_text("p { color: snow }\n")
    assert url_of(an_app(folder), "app.css") != before


def test_under_debug_a_changed_file_is_read_again(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    served, debugged = an_app(folder), an_app(folder, debug=True)
    before = url_of(debugged, "app.css")
    changed = folder / "css" / "20-colours.css"
    changed.write_text("p { color: snow }\n")
    os.utime(changed, ns=(changed.stat().st_atime_ns, changed.stat().st_mtime_ns + 1_000_000_000))
    after = url_of(debugged, "app.css")
    assert after != before
    assert "snow" in fetch(debugged.test_client(), after).text
    assert url_of(served, "app.css") == before
    assert "navy" in fetch(debugged.test_client(), before).text  # a page shown before still asks for it


def test_a_file_that_vanishes_while_they_are_looked_at_does_not_count(tmp_path: Path) -> None:
    file = a_folder(tmp_path) / "css" / "20-colours.css"
    assert last_written(file) == file.stat().st_mtime_ns
    assert last_written(file.parent) is None
    file.unlink()
    assert last_written(file) is None


def test_a_missing_htmx_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (tmp_path / "htmx.min.js").unlink()
    with pytest.raises(SystemExit, match=r"^htmx is missing \(.*\): run make setup$"):
        an_app(folder)


@pytest.mark.parametrize("name", ["img/unknown.svg", "img/notes.md"])
def test_a_name_that_is_not_served_is_a_mistake(app: Flask, name: str) -> None:
    with pytest.raises(KeyError, match=name):
        url_of(app, name)


def test_the_shop_stays_within_its_budgets(tmp_path: Path) -> None:
    htmx = tmp_path / "htmx.min.js"
    htmx.write_text("var htmx = {};")
    app = Flask("shop", static_folder=None)
    app.config.update(HTMX_PATH=htmx)
    init_assets(app)
    sizes = {
        name: len(fetch(app.test_client(), url_of(app, name), "br").data) for name in ("app.css", "app.js")
    }
    assert sizes["app.css"] <= 10 * KILOBYTE
    assert sizes["app.js"] <= 3 * KILOBYTE


def test_styles_use_only_declared_layers_and_no_shouting() -> None:
    files = sorted((STATIC / "css").glob("*.css"))
    declared = files[0].read_text().removeprefix("@layer ").removesuffix(";\n").split(", ")
    assert declared == ["reset", "tokens", "base", "layout", "components", "pages", "utilities", "print"]
    for file in files[1:]:
        text = file.read_text()
        layer = text.split("{")[0].removeprefix("@layer ").strip()
        assert layer in declared, file.name
        assert text.count("@layer") == 1, file.name
        assert "!important" not in text or layer in ("reset", "print"), file.name
