"""The factory of a service: errors, host names, ids in paths, health, and the endpoints' description."""

import re
from typing import Literal

import msgspec
from flask import Flask, Response, request
from werkzeug.routing import BaseConverter

from services.common import logs
from services.common.api import Api, BodyReader
from services.common.database import Database
from services.common.errors import ApiError, handle_errors, json_response, unavailable
from services.common.metrics import Metrics, count_requests
from services.common.settings import ServiceSettings
from services.common.tokens import Tokens

LINE_BYTES = 4 * 1024
FIELD_BYTES = 8 * 1024
HOST = re.compile(r"(?P<name>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)


class Id(BaseConverter):
    """ASCII digits without a leading zero, small enough for every database; anything else is 404."""

    regex = "0|[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


def refuse_odd_requests(hosts: frozenset[str]) -> None:
    """What a well-behaved client never sends: no host, two or another's, an endless line or header."""
    environ = request.environ
    host = HOST.fullmatch(environ.get("HTTP_HOST", "").lower())
    if not host or host["name"] not in hosts:
        raise ApiError(400)
    if len(environ["PATH_INFO"]) + len(environ["QUERY_STRING"]) > LINE_BYTES:
        raise ApiError(414)
    if any(len(text) > FIELD_BYTES for name, text in environ.items() if name.startswith("HTTP_")):
        raise ApiError(431)


class Health(msgspec.Struct):
    """While the process serves. ``database`` names the engine only."""

    status: Literal["healthy"]
    service: str
    database: str


class Ready(msgspec.Struct):
    status: Literal["ready"]


def create_service(
    settings: ServiceSettings, database: Database, label: str, threads: int
) -> tuple[Flask, Api]:
    """An application with health and readiness, and its Api to declare the service's own endpoints on.

    ``label`` is the name under which ``/health`` knows it; ``threads`` is how many requests the server runs at once.
    """
    app = Flask("services.common", static_folder=None)
    app.url_map.converters["id"] = Id
    app.url_map.merge_slashes = False
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    handle_errors(app)
    metrics = Metrics()
    metrics.gauge("ready", "Whether the service's own database answers.", database.ready)
    api = Api(app, Tokens(settings.secret, settings.previous_secrets), BodyReader(threads), metrics)

    logs.trace_requests(app)
    count_requests(app, metrics)
    hosts = frozenset(name.lower() for name in settings.hosts)
    app.before_request(lambda: refuse_odd_requests(hosts))

    @app.after_request
    def safe_headers(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        if api.bodies.left_unread():
            response.headers["Connection"] = "close"  # said, so that no client sends its next request there
        return response

    @api.endpoint("GET", "/health", {200: Health})
    def health() -> Response:
        """Whether the process serves."""
        return json_response(Health("healthy", label, database.backend))

    @api.endpoint("GET", "/ready", {200: Ready})
    def ready() -> Response:
        """Whether the service's own database answers within 200 ms."""
        if not database.ready():
            raise unavailable()
        return json_response(Ready("ready"))

    return app, api
