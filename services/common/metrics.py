"""What a service counts, in Prometheus' text format under ``/metrics``: requests by route, and what the service declares.

It names no person, product or order: labels take few values that the code knows beforehand.
"""

from collections.abc import Callable, Iterable

from flask import Flask, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
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

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request answered. ``route`` is the pattern of its path, "" for none."""
        # The labels are looked up once for each combination: this stands in the way of every request.
        observe = self._observers.get((method, route, status))
        if observe is None:
            observe = self._observer(method, route, status)
        observe(seconds)

    def _observer(self, method: str, route: str, status: int) -> Callable[[float], None]:
        known = method if method in METHODS else OTHER
        observe: Callable[[float], None] = self._requests.labels(known, route or OTHER, str(status)).observe
        if known == method:
            self._observers[method, route, status] = observe
        return observe

    def counter(self, name: str, text: str, label: str, values: Iterable[str]) -> Callable[[str], None]:
        """Declare a counter; what it gives counts one of ``values``. All stand at 0 from the start."""
        counter = Counter(f"pingui_{name}", text, (label,), registry=self._registry)
        counts = {value: counter.labels(value).inc for value in values}

        def count(value: str) -> None:
            counts[value]()

        return count

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Declare a number that is read when somebody asks."""
        Gauge(f"pingui_{name}", text, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        return bytes(generate_latest(self._registry))


def answer_metrics(app: Flask, metrics: Metrics) -> None:
    """The counters, for who collects them."""

    def answer() -> Response:
        return Response(metrics.text(), content_type=CONTENT_TYPE)

    app.add_url_rule("/metrics", view_func=answer, methods=["GET"], provide_automatic_options=False)
