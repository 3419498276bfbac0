"""The accounts service, assembled."""

from pathlib import Path

from flask import Flask

from services.common import migrate, openapi
from services.common.database import Database
from services.common.service import create_service
from services.usuarios import old_data, routes
from services.usuarios.accounts import Accounts
from services.usuarios.settings import Settings

THREADS = 64  # most of them only wait for their turn to hash
CONNECTIONS = 8
MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(settings: Settings) -> bool:
    """Bring the database to the current schema, the original's data included; raise MigrationError."""
    return migrate.prepare(settings.service, MIGRATIONS, old_data.OLD_DATA)


def create_app(settings: Settings) -> Flask:
    """The application over a prepared database."""
    database = Database(settings.service.database, settings.service.name, CONNECTIONS)
    app, api = create_service(settings.service, database, "user_service", THREADS)
    routes.declare(api, Accounts(settings, database, api.tokens), settings.service.proxies)
    openapi.describe(app, api, "usuarios", "Cuentas y acceso: registro, sesión con JWT y perfil.")
    return app
