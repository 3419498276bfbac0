"""How the shop is doing, for shoppers and for who runs it; and the pages of the footer."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from storefront.admin import sections
from storefront.i18n import _
from storefront.pages import render
from storefront.service import Service, ServiceError
from storefront.session import admins_only, store
from storefront.shop import shop
from storefront.store import is_ready

area = Blueprint("estado", __name__)

SLOW_SECONDS = 1.0
RECENT = 5
CHECKS = "pingui.checks"


@dataclass(frozen=True)
class Check:
    """A look at one service: `state` is ok, slow or down."""

    name: str
    state: str
    seconds: float | None
    circuit: str
    last_success: datetime | None
    at: datetime


def _check(service: Service) -> Check:
    try:
        seconds = service.health()
        state = "slow" if seconds > SLOW_SECONDS else "ok"
    except ServiceError:
        seconds, state = None, "down"
    last = service.circuit.last_success
    when = datetime.fromtimestamp(last, UTC) if last else None
    return Check(service.name, state, seconds, service.circuit.state, when, datetime.now().astimezone())


def check_services() -> dict[str, Check]:
    """All three at once, so that the page takes no longer than the slowest."""
    services = shop().services.each()
    with ThreadPoolExecutor(max_workers=len(services)) as pool:
        running = [pool.submit(copy_context().run, _check, service) for service in services]
        checks = {check.name: check for check in (one.result() for one in running)}
    for name, check in checks.items():
        _recent(name).append(check)
    return checks


def _recent(name: str) -> deque[Check]:
    """The last checks of a service since the shop started, the newest last."""
    kept: dict[str, deque[Check]] = current_app.extensions.setdefault(CHECKS, {})
    return kept.setdefault(name, deque(maxlen=RECENT))


@area.get("/estado")
def estado() -> ResponseReturnValue:
    checks = check_services()
    down = {name for name, check in checks.items() if check.state == "down"}
    works = [
        (_("Ver el catálogo"), "productos" not in down),
        (_("Comprar"), not down & {"productos", "pedidos"}),
        (_("Entrar y registrarse"), "usuarios" not in down),
        (_("Ver tus pedidos"), "pedidos" not in down),
    ]
    response = render(
        "estado/estado.html",
        verdict=_verdict(down),
        fine=not down,
        slow=any(check.state == "slow" for check in checks.values()),
        works=works,
        checked=f"{datetime.now().astimezone():%H:%M}",
        personal=False,
    )
    response.headers["Cache-Control"] = "private, max-age=10"
    return response


def _verdict(down: set[str]) -> str:
    if not down:
        return _("Todo funciona")
    names = {"productos": _("el catálogo"), "pedidos": _("los pedidos"), "usuarios": _("las cuentas")}
    if len(down) == len(names):
        return _("Ahora mismo la tienda no puede atender")
    listed = [names[name] for name in names if name in down]
    return _("Hay un problema con %(x)s", x=_(" y ").join(listed))


@area.get("/admin/operaciones")
@admins_only
def operaciones() -> ResponseReturnValue:
    return render(
        "estado/operaciones.html",
        "admin",
        checks=list(check_services().values()),
        recent=lambda name: list(_recent(name))[::-1],
        checked=f"{datetime.now().astimezone():%H:%M:%S}",
        sections=sections("operaciones"),
    )


@area.get("/ayuda")
def ayuda() -> ResponseReturnValue:
    return render("estado/ayuda.html", personal=False)


@area.get("/accesibilidad")
def accesibilidad() -> ResponseReturnValue:
    return render("estado/accesibilidad.html", personal=False)


@area.get("/health")
def health() -> ResponseReturnValue:
    return jsonify({"status": "healthy", "service": "storefront", "database": store().backend})


@area.get("/ready")
def ready() -> ResponseReturnValue:
    """Whether the shop's own database can be read. A service that is down is no reason to take the shop
    away.
    """
    fine = is_ready(store())
    return jsonify({"status": "ready" if fine else "unavailable"}), 200 if fine else 503
