"""HTTP in, one call, HTTP out."""

import msgspec
from flask import Response, request
from msgspec import UNSET

from services.common.api import Api, Message
from services.common.errors import json_response
from services.common.front import Answer, json_answer
from services.common.moments import iso
from services.common.tokens import Caller
from services.usuarios.accounts import Accounts
from services.usuarios.limits import visitor_address
from services.usuarios.model import Usuario
from services.usuarios.schema import Acceso, Cambios, DeVarios, Nombrado, NuevaCuenta, Perfil, TokenEmitido


def declare(api: Api, accounts: Accounts, proxies: tuple[str, ...]) -> None:
    """The endpoints of contract.md sections 2 and 4 for usuarios."""

    def address() -> str:
        return visitor_address(request.remote_addr or "", request.headers.get("X-Forwarded-For", ""), proxies)

    @api.endpoint("POST", "/registro", {201: Message}, errors=(403, 429))
    def register(body: NuevaCuenta) -> Response:
        """Register an account. The first one administers the shop."""
        accounts.register(body, address())
        return json_response(Message("Usuario registrado correctamente"), 201, {"Location": "/perfil"})

    @api.endpoint("POST", "/login", {200: TokenEmitido}, errors=(401, 429))
    def sign_in(body: Acceso) -> Response:
        """Exchange an e-mail and its password for a token."""
        return json_response(TokenEmitido(accounts.sign_in(body, address())))

    @api.endpoint("GET", "/perfil", {200: Perfil})
    def profile(caller: Caller) -> Response:
        """The caller's own account."""
        return json_response(_perfil(accounts.profile(caller)))

    def known_at_once(caller: Caller, _id: int | None) -> Answer | None:
        usuario = accounts.profile_at_a_glance(caller)
        return json_answer(msgspec.json.encode(_perfil(usuario)), {}) if usuario else None

    api.answer_at_once("/perfil", known_at_once)

    @api.endpoint("PATCH", "/perfil", {200: Perfil}, errors=(403, 429))
    def change(caller: Caller, body: Cambios) -> Response:
        """Change the name, or the password with the current one.

        A new password ends every earlier token at this service; the answer carries a new one.
        """
        usuario, token = accounts.change(caller, body, address())
        return json_response(_perfil(usuario, token))

    @api.endpoint("GET", "/usuarios", {200: list[Nombrado]}, errors=(403,))
    def names(caller: Caller, query: DeVarios) -> Response:
        """The names of accounts, by id, for administrators; an id that no account has is left out."""
        return json_response([Nombrado(*one) for one in accounts.names(caller, query.id)])

    @api.endpoint("DELETE", "/perfil", {200: Message}, errors=(403, 409))
    def remove(caller: Caller) -> Response:
        """Delete the caller's account; orders keep their number and their buyer's id."""
        accounts.remove(caller)
        return json_response(Message("Cuenta borrada"))


def _perfil(usuario: Usuario, token: str | None = None) -> Perfil:
    return Perfil(
        usuario.id, usuario.nombre, usuario.email, usuario.rol, iso(usuario.creado_en), token or UNSET
    )
