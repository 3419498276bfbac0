"""``python -m services.pedidos`` starts the service alone."""

from services.common.server import run
from services.pedidos.app import THREADS, create_app, prepare
from services.pedidos.settings import Settings

if __name__ == "__main__":
    run("pedidos", THREADS, Settings.read, prepare, create_app)
