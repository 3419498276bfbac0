"""Each service against its own description: generated good and bad calls find no fault and no undescribed answer (P22)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schemathesis
from schemathesis.engine import events, from_schema

from services.common.tokens import Tokens
from tests.shop import FILES, SECRET, Service, Shop

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
REFUSALS = [400, 401, 403, 404, 405, 409, 412, 413, 414, 415, 422, 428, 429, 431, 503]
SECONDS = 20
SEED = 20


@pytest.fixture(scope="module")
def busy_shop(base_url: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop of its own: generated calls fill it with what no other test wants to meet."""
    folder = tmp_path_factory.mktemp("generated")
    shop = Shop(folder, base_url(folder))
    try:
        shop.start()
        assert shop.admin.id == 1
        shop.a_pedido(shop.admin, shop.a_producto(stock=1000))
        yield shop
    finally:
        shop.stop()


def configuration(service: Service, token: str) -> schemathesis.Config:
    return schemathesis.Config.from_dict(
        {
            "seed": SEED,
            "max-time": SECONDS,
            "base-url": service.url,
            "headers": {"Authorization": f"Bearer {token}"},
            "continue-on-failure": True,
            "request-timeout": 10,
            "checks": {
                "enabled": False,
                **{check: {"enabled": True} for check in CHECKS},
                "negative_data_rejection": {"enabled": True, "expected-statuses": REFUSALS},
            },
            "phases": {"stateful": {"enabled": False}, "fuzzing": {"enabled": True}},
            "generation": {"max-examples": 12, "database": "none"},
        }
    )


def failures(service: Service, token: str, paths: str) -> tuple[list[str], int]:
    """What went wrong at the ``paths`` (a regular expression), and how many calls were made."""
    described = schemathesis.openapi.from_url(
        f"{service.url}/openapi.json", config=configuration(service, token)
    )
    schema = described.include(path_regex=paths)
    wrong: list[str] = []
    calls = 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            calls += len(event.recorder.interactions)
            wrong += broken_checks(event)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(event))
    return wrong, calls


def broken_checks(event: events.ScenarioFinished) -> Iterator[str]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                sent = event.recorder.cases[case_id].value.as_curl_command()
                yield f"{event.label} {check.name}: {check.failure_info.failure.message} <- {sent[:600]}"


@pytest.mark.parametrize("name", FILES)
def test_a_service_answers_as_it_describes(busy_shop: Shop, name: str) -> None:
    service: Service = getattr(busy_shop, name)
    wrong, calls = failures(service, busy_shop.admin.token, "^/(?!reservas)")
    assert not wrong, "\n".join(wrong[:10])
    assert calls > 100


def test_reservations_answer_as_described(busy_shop: Shop) -> None:
    wrong, calls = failures(busy_shop.productos, Tokens(SECRET).credential(), "^/reservas")
    assert not wrong, "\n".join(wrong[:10])
    assert calls > 50
