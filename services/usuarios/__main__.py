"""``python -m services.usuarios`` starts the service alone."""

from services.common.server import run
from services.usuarios.app import THREADS, create_app, prepare
from services.usuarios.settings import Settings

if __name__ == "__main__":
    run("usuarios", THREADS, Settings.read, prepare, create_app)
