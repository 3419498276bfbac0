"""Serves what the pages link to: one stylesheet, two scripts and the drawings.

Everything is read once, hashed, compressed and kept in memory. The hash is part of the address, so a browser
may keep the answer for ever and a changed file has another address.
"""

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

import brotli
from flask import Flask, Response, abort, request

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
HTMX = ROOT / "node_modules" / "htmx.org" / "dist" / "htmx.min.js"

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}
COMPRESSIBLE = {".css", ".js", ".svg", ".txt"}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One file as it is sent: its address below /static/ and its body in every encoding it is kept in."""

    path: str
    content_type: str
    digest: str
    bodies: dict[str, bytes]

    def encoding_for(self, accepted: Iterable[str]) -> str:
        """The smallest encoding among `accepted` that this file is kept in, else `identity`."""
        return next((encoding for encoding in self.bodies if encoding in accepted), "identity")


@lru_cache(maxsize=128)
def prepare(name: str, body: bytes) -> Asset:
    """The asset `name` ("app.css", "img/icon.svg"), with the hash of `body` in its address."""
    stem, suffix = name.rsplit(".", 1)
    digest = hashlib.sha256(body).hexdigest()[:16]
    bodies = {"identity": body}
    if f".{suffix}" in COMPRESSIBLE:
        bodies = {"br": brotli.compress(body), "gzip": gzip.compress(body, mtime=0), "identity": body}
    return Asset(f"{stem}.{digest}.{suffix}", CONTENT_TYPES[f".{suffix}"], digest, bodies)


class Assets:
    """The files of one folder, found by name for templates and by hashed path for requests."""

    def __init__(self, folder: Path, htmx: Path) -> None:
        if not htmx.is_file():
            raise SystemExit(f"htmx is missing ({htmx}): run make setup")
        self._folder = folder
        self._htmx = htmx
        self._by_path: dict[str, Asset] = {}
        self._stamp = self._last_change()
        self._load()

    def url(self, name: str) -> str:
        """The address of the asset `name`; a name that no file has is a mistake in a template (KeyError)."""
        return f"/static/{self._by_name[name].path}"

    def find(self, path: str) -> Asset | None:
        return self._by_path.get(path)

    def reload_if_changed(self) -> None:
        stamp = self._last_change()
        if stamp != self._stamp:
            self._stamp = stamp
            self._load()

    def _load(self) -> None:
        styles = b"".join(file.read_bytes() for file in sorted((self._folder / "css").glob("*.css")))
        assets = {
            "app.css": prepare("app.css", styles),
            "htmx.js": prepare("htmx.js", self._htmx.read_bytes()),
        }
        for file in (self._folder / "js").glob("*.js"):
            assets[file.name] = prepare(file.name, file.read_bytes())
        for file in (self._folder / "img").iterdir():
            if file.suffix in CONTENT_TYPES:
                assets[f"img/{file.name}"] = prepare(f"img/{file.name}", file.read_bytes())
        # First what can be asked for, then what is linked to; pages shown before still ask for what they named.
        self._by_path = self._by_path | {asset.path: asset for asset in assets.values()}
        self._by_name = assets

    def _last_change(self) -> tuple[int, int]:
        """How many files there are and when the newest was written, in nanoseconds."""
        times = [when for file in self._folder.rglob("*") if (when := last_written(file)) is not None]
        return len(times), max(times, default=0)


def last_written(file: Path) -> int | None:
    """When, in nanoseconds; None for a folder, and for a file that an editor has just taken away."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns if S_ISREG(status.st_mode) else None


def init_assets(app: Flask) -> None:
    """Gives `app` the route /static/ and its templates `asset(name)`.

    The app is created with `static_folder=None`. STATIC_FOLDER and HTMX_PATH in its configuration say
    where the files are, if not beside this package. With `app.debug` changed files are read again at the
    next page.
    """
    assets = Assets(
        Path(app.config.get("STATIC_FOLDER", STATIC)),
        Path(app.config.get("HTMX_PATH", HTMX)),
    )

    def asset(name: str) -> str:
        if app.debug:
            assets.reload_if_changed()
        return assets.url(name)

    def serve(path: str) -> Response:
        found = assets.find(path)
        if found is None:
            abort(404)
        encoding = found.encoding_for({name for name in found.bodies if request.accept_encodings[name]})
        response = Response(found.bodies[encoding], content_type=found.content_type)
        response.headers["Cache-Control"] = FOR_EVER
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.vary.add("Accept-Encoding")
        if encoding != "identity":
            response.content_encoding = encoding
        response.set_etag(f"{found.digest}-{encoding}")
        response.make_conditional(request)
        return response

    app.add_url_rule("/static/<path:path>", "static", serve)
    app.jinja_env.globals["asset"] = asset
