"""``python -m services.productos`` starts the service alone."""

from services.common.server import run
from services.productos.app import THREADS, create_app, prepare
from services.productos.settings import Settings

if __name__ == "__main__":
    run("productos", THREADS, Settings.read, prepare, create_app)
