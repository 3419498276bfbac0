"""The services as the original ones were, under the names of ours: the suite must fail on them (mutant "the seed").

They are the plain services of tests/plain_services. Added is only what the tests' own harness needs to start them and to
know whom it signed in, so that tests fail for what the original did and not for what the harness misses.
"""

import os
from pathlib import Path

from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from tests.mutants.mutant import Change, Mutant
from tests.plain_services import apps
from tests.shop import FILES


def serve(name: str) -> None:
    """What ``python -m services.NAME`` does in the mutant."""
    apps.KEY = os.environ["SECRET_KEY"]
    folder = Path(os.environ["DATABASE_URL"].removeprefix("sqlite:///")).parent
    app: Flask = getattr(apps, name)(folder / FILES[name])
    _help_the_harness(app, name)
    make_server("127.0.0.1", int(os.environ[f"{name.upper()}_PORT"]), app, threaded=True).serve_forever()


def _help_the_harness(app: Flask, name: str) -> None:
    run = app.extensions["run"]

    @app.get("/ready")
    def ready() -> Response:
        return jsonify(status="ready")

    @app.get("/perfil")
    def perfil() -> tuple[Response, int]:
        claims = apps._claims()
        if name != "usuarios" or claims is None:
            return jsonify(error="Token inválido"), 401
        return jsonify(id=claims["usuario_id"], nombre=claims["nombre"]), 200

    @app.after_request
    def locate(response: Response) -> Response:
        if response.status_code == 201 and request.path == f"/{name}":
            response.headers["Location"] = f"/{name}/{run(f'SELECT max(id) FROM {name}')[0][0]}"  # noqa: S608
        return response


MAIN = "from tests.mutants.original import serve\n\nif __name__ == '__main__':\n    serve({name!r})\n"

SEED = Mutant(
    "the seed: plain services, as the original ones were",
    tuple(Change(f"services/{name}/__main__.py", "", MAIN.format(name=name)) for name in FILES),
    tuple(
        f"tests/api/test_{name}.py"
        for name in ("usuarios", "productos", "pedidos", "saga", "saga_crashes", "tokens", "reservas")
    ),
    at_least=200,
)
