"""The orders service, assembled."""

from pathlib import Path

from flask import Flask

from services.common import migrate, openapi
from services.common.database import Database
from services.common.service import create_service
from services.pedidos import metrics, old_data, routes
from services.pedidos.productos import Productos
from services.pedidos.recovery import Recovery
from services.pedidos.saga import Saga, Watch
from services.pedidos.settings import Settings

THREADS = 16  # half of them may wait for productos at once
MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(settings: Settings) -> bool:
    """Bring the database to the current schema, the original's data included; whether it was not; raise MigrationError."""
    return migrate.prepare(settings.service, MIGRATIONS, old_data.OLD_DATA)


def create_app(settings: Settings, *, recover: bool = True) -> Flask:
    """The application over a prepared database. ``recover`` starts the thread that finishes what was left unfinished."""
    database = Database(settings.service.database, settings.service.name, THREADS)
    app, api = create_service(settings.service, database, "pedido_service", THREADS)
    watch = Watch()
    productos = (
        Productos(settings.productos_url, api.tokens, THREADS // 2) if settings.productos_url else None
    )
    saga = Saga(database, productos, watch)
    routes.declare(api, database, saga)
    openapi.describe(app, api, "pedidos", "Pedidos: crearlos una sola vez, seguirlos y cancelarlos.")
    if recover and productos:
        recovery = Recovery(database, saga, watch, settings.gracia, metrics.recovery_counter(api.metrics))
        metrics.declare(api.metrics, productos, recovery)
        recovery.start()
    return app
