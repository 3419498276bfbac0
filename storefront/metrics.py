"""What the storefront counts, in Prometheus' text format under `/metrics`.

It names no person, product or order: labels take few values that the code knows beforehand.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from storefront.circuit import Circuit
from storefront.service import RESULTS
from storefront.store import DONE, NOT_PLACED, REFUSED, UNKNOWN

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ROUTE = "pingui.route"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER, KEPT = "other", "kept"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
OUTCOMES = (DONE, REFUSED, NOT_PLACED, UNKNOWN)


class Metrics:
    """The counters of one process. `line` counts an outcome, `call` a service and a result."""

    def __init__(self, services: tuple[str, ...]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Histogram(
            "pingui_request_seconds",
            "Requests answered, by how long they took.",
            ("method", "route", "status"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._observers: dict[tuple[str, str, int], Callable[[float], None]] = {}
        lines = Counter(
            "pingui_purchase_lines",
            "Lines of purchases sent, by outcome.",
            ("outcome",),
            registry=self._registry,
        )
        self._lines = {outcome: lines.labels(outcome).inc for outcome in OUTCOMES}
        calls = Counter(
            "pingui_service_calls", "Calls to a service.", ("service", "result"), registry=self._registry
        )
        self._calls = {
            (service, result): calls.labels(service, result).inc for service in services for result in RESULTS
        }
        self._circuits = Gauge(
            "pingui_circuit_open",
            "Whether a service is left alone.",
            ("service",),
            registry=self._registry,
        )

    def request(self, environ: dict[str, Any], status: int, seconds: float) -> None:
        """A request answered. Its route is the pattern of its path; `kept` where Flask was not asked."""
        key = (environ["REQUEST_METHOD"], environ.get(ROUTE, KEPT), status)
        # The labels are looked up once for each combination: this stands in the way of every request.
        observe = self._observers.get(key)
        if observe is None:
            method = key[0] if key[0] in METHODS else OTHER
            observe = self._requests.labels(method, key[1], str(status)).observe
            if method != OTHER:
                self._observers[key] = observe
        observe(seconds)

    def line(self, outcome: str) -> None:
        self._lines[outcome]()

    def call(self, service: str, result: str) -> None:
        self._calls[service, result]()

    def watch(self, service: str, circuit: Circuit) -> None:
        """Tells whether calls to `service` are stopped."""
        self._circuits.labels(service).set_function(lambda: circuit.state != "closed")

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A number that is read when somebody asks."""
        Gauge(f"pingui_{name}", text, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        return bytes(generate_latest(self._registry))


def init_metrics(app: Flask, metrics: Metrics) -> None:
    """Notes the route of each request, and answers the counters to whoever reaches the port itself.

    The services are internal; the storefront is not, so what a proxy hands on is answered as if there were
    nothing.
    """

    @app.before_request
    def note() -> None:
        request.environ[ROUTE] = request.url_rule.rule if request.url_rule else OTHER

    def answer() -> Response:
        if "X-Forwarded-For" in request.headers:
            abort(404)
        return Response(metrics.text(), content_type=CONTENT_TYPE)

    app.add_url_rule("/metrics", view_func=answer, methods=["GET"], provide_automatic_options=False)
