"""One JSON error shape for every status, the framework's own included (contract.md section 2)."""

import logging
import uuid
from typing import Any

import msgspec
from flask import Flask, Response
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)

SENTENCES = {
    400: "La petición no se entiende",
    401: "Token inválido",
    403: "No tienes permiso para hacer esto",
    404: "No encontrado",
    405: "Método no permitido",
    408: "La petición tardó demasiado en llegar",
    411: "Falta la longitud de la petición",
    413: "La petición es demasiado grande",
    414: "La dirección es demasiado larga",
    415: "El contenido debe ser application/json",
    429: "Demasiados intentos",
    431: "Las cabeceras son demasiado grandes",
    500: "Error interno",
    503: "El servicio no está disponible en este momento",
}


class ApiError(Exception):
    """An answer that is an error: status, Spanish sentence, and what tells equal statuses apart."""

    def __init__(
        self,
        status: int,
        error: str = "",
        codigo: str | None = None,
        detalles: Any = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error or SENTENCES[status]
        self.codigo = codigo
        self.detalles = detalles
        self.headers = headers or {}


def unavailable(error: str = "", seconds: int = 1) -> ApiError:
    """503: nothing was stored, unless the caller repeats it with the same key."""
    return ApiError(503, error, headers={"Retry-After": str(seconds)})


def unauthorized() -> ApiError:
    return ApiError(401, headers={"WWW-Authenticate": "Bearer"})


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``body`` as compact UTF-8 JSON."""
    return Response(msgspec.json.encode(body), status, headers, content_type="application/json")


def error_response(error: ApiError) -> Response:
    body: dict[str, Any] = {"error": error.error}
    if error.codigo:
        body["codigo"] = error.codigo
    if error.detalles is not None:
        body["detalles"] = error.detalles
    return json_response(body, error.status, error.headers)


def handle_errors(app: Flask) -> None:
    """Answer every error of ``app`` in the one shape; a trace goes to the log, never to the caller."""
    app.register_error_handler(ApiError, error_response)

    @app.errorhandler(HTTPException)
    def framework_error(error: HTTPException) -> Response:
        status = error.code or 500
        kept = {name: text for name, text in error.get_headers() if name in ("Allow", "Retry-After")}
        return error_response(
            ApiError(status, SENTENCES.get(status) or SENTENCES[400 if status < 500 else 500], headers=kept)
        )

    @app.errorhandler(exc.SQLAlchemyError)
    def database_error(error: exc.SQLAlchemyError) -> Response:
        # A database that is locked, full or gone is not a fault of the program; a wrong statement is.
        if isinstance(error, exc.IntegrityError | exc.ProgrammingError | exc.DataError):
            return unexpected_error(error)
        if not isinstance(error, exc.DBAPIError | exc.TimeoutError):
            return unexpected_error(error)
        log.warning("database unavailable: %s", type(error).__name__)
        return error_response(unavailable())

    @app.errorhandler(Exception)
    def unexpected_error(error: Exception) -> Response:
        reference = uuid.uuid4().hex[:12]
        log.error("unexpected error %s", reference, exc_info=error)
        return error_response(ApiError(500, detalles={"referencia": reference}))
