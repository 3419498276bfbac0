"""The catalogue service, assembled."""

from pathlib import Path

from flask import Flask

from services.common import migrate, openapi
from services.common.database import Database
from services.common.service import create_service
from services.productos import demo, old_data, routes
from services.productos.catalogo import Catalogo
from services.productos.imagenes import Imagenes
from services.productos.listing import Listings
from services.productos.reservas import Reservas
from services.productos.settings import Settings

THREADS = 4
MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(settings: Settings) -> bool:
    """Bring the database to the current schema, the original's data and the demo's included; raise MigrationError."""
    changed = migrate.prepare(settings.service, MIGRATIONS, old_data.OLD_DATA)
    if settings.demo:
        database = Database(settings.service.database, settings.service.name, 1)
        demo.fill(database)
        database.close()
    return changed


def create_app(settings: Settings) -> Flask:
    """The application over a prepared database."""
    database = Database(settings.service.database, settings.service.name, THREADS)
    app, api = create_service(settings.service, database, "product_service", THREADS)
    routes.declare(
        api,
        Catalogo(database, settings.open_catalogue),
        Listings(database),
        Imagenes(database),
        Reservas(database, settings.moneda),
    )
    openapi.describe(app, api, "productos", "El catálogo: productos, existencias, reservas e imágenes.")
    return app
