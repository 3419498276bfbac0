"""The factory of a service: errors, host names, ids in paths, health, and the endpoints' description."""

from typing import Any, Literal

import msgspec
from flask import Flask, Response, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import BaseConverter

from services.common import logs
from services.common.api import ID, Api, BodyReader
from services.common.database import Database
from services.common.errors import handle_errors, json_response, unavailable
from services.common.front import ROUTE, Front, json_answer
from services.common.metrics import Metrics, answer_metrics
from services.common.settings import ServiceSettings
from services.common.tokens import Tokens

NO_SESSION = NullSession()


class Id(BaseConverter):
    """ASCII digits without a leading zero, small enough for every database; anything else is 404."""

    regex = ID.pattern

    def to_python(self, value: str) -> int:
        return int(value)


class NoSessions(SessionInterface):
    """A service knows its callers by their tokens alone."""

    def open_session(self, _app: Flask, _request: Any) -> Any:
        return NO_SESSION

    def save_session(self, _app: Flask, _session: Any, _response: Any) -> None:
        return


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
    app.session_interface = NoSessions()
    app.url_map.converters["id"] = Id
    app.url_map.merge_slashes = False
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    handle_errors(app)
    metrics = Metrics()
    metrics.gauge("ready", "Whether the service's own database answers.", database.ready)
    answer_metrics(app, metrics)
    front = Front(app.wsgi_app, settings.hosts, logs.Lines(settings.name, settings.log_as_text), metrics)
    app.wsgi_app = front  # type: ignore[method-assign]
    api = Api(app, Tokens(settings.secret, settings.previous_secrets), BodyReader(threads), metrics, front)

    @app.before_request
    def note_route() -> None:
        request.environ[ROUTE] = request.url_rule.rule if request.url_rule else ""

    healthy = msgspec.json.encode(Health("healthy", label, database.backend))

    @api.endpoint("GET", "/health", {200: Health})
    def health() -> Response:
        """Whether the process serves."""
        return Response(healthy, content_type="application/json")

    @api.endpoint("GET", "/ready", {200: Ready})
    def ready() -> Response:
        """Whether the service's own database answers within 200 ms."""
        if not database.ready():
            raise unavailable()
        return json_response(Ready("ready"))

    front.answer_at_once("/health", lambda _environ, _rest: json_answer(healthy, {}))
    return app, api
