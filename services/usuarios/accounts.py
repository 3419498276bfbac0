"""What accounts can do: register, sign in, change, leave. One transaction each; raises ApiError with the contract's texts."""

import hmac
import math
import time
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from services.common.database import Database
from services.common.errors import ApiError, unauthorized
from services.common.tokens import Caller, Tokens
from services.usuarios import limits, store
from services.usuarios.model import (
    ADMINISTRADOR,
    LECTOR,
    READER_ID,
    Usuario,
    account_key,
    fold,
    role_of_new_account,
)
from services.usuarios.passwords import Passwords
from services.usuarios.schema import Acceso, Cambios, NuevaCuenta
from services.usuarios.settings import Settings

TAKEN = "El email ya está registrado"
WRONG = "Credenciales inválidas"


class Accounts:
    """The accounts of one database."""

    def __init__(self, settings: Settings, database: Database, tokens: Tokens) -> None:
        self.settings = settings
        self.database = database
        self.tokens = tokens
        self.passwords = Passwords()
        self._glance = database.glance(store.BY_ID_AT_A_GLANCE)

    def register(self, new: NuevaCuenta, address: str) -> int:
        """The new account's id; 400 where the e-mail is taken, 429 where the address made too many."""
        reader = self.settings.reader_email and fold(new.email) == self.settings.reader_email
        if reader and not hmac.compare_digest(new.password.encode(), self.settings.reader_password.encode()):
            raise ApiError(403, "Ese correo está reservado")
        with self.database.read() as connection:
            if store.email_taken(connection, new.email):
                raise ApiError(400, TAKEN)
            self._check_registrations(store.registrations(connection, _now(), address))
        with self.passwords.turn():
            password = self.passwords.hash(new.password)
        with self.database.write() as connection:
            store.one_at_a_time(connection)
            if store.email_taken(connection, new.email):
                raise ApiError(400, TAKEN)
            now = _now()
            self._check_registrations(store.registrations(connection, now, address))
            if reader:
                usuario_id, rol = READER_ID, LECTOR
            else:
                first = store.is_first(connection)
                usuario_id = store.next_id(connection)
                rol = role_of_new_account(new.email, first, self.settings.admin_emails)
            if not store.add(connection, Usuario(usuario_id, new.nombre, new.email, password, rol, now, 0)):
                raise ApiError(400, TAKEN)
            store.record_try(connection, now, address, None)
        return usuario_id

    def _check_registrations(self, moments: list[int]) -> None:
        if self.settings.registrations:
            wait = limits.until_window_has_room(moments, _now(), self.settings.registrations, limits.HOUR)
            _refuse_for(wait)

    def sign_in(self, given: Acceso, address: str) -> str:
        """A token; 401 for a wrong password and an unknown e-mail alike, 429 after too many of them."""
        with self.database.read() as connection:
            usuario = store.by_email(connection, given.email)
        self._check_password(usuario, given.email, given.password, address, ApiError(401, WRONG))
        assert usuario is not None  # noqa: S101 - an unknown account never passes the check above
        if self.passwords.is_weak(usuario.password):
            with self.passwords.turn():
                stronger = self.passwords.hash(given.password)
            with self.database.write() as connection:
                store.replace_hash(connection, usuario, stronger)
        return self._token(usuario)

    def _check_password(
        self, usuario: Usuario | None, email: str, password: str, address: str, refusal: ApiError
    ) -> None:
        """Tries are looked at and recorded in the same turn, so that many at once are counted like one after another."""
        key = account_key(self.settings.service.secret, email)
        with self.passwords.turn():
            if self.settings.wrong_sign_ins:
                now = _now()
                with self.database.read() as connection:
                    tries = store.tries(connection, now, address, key)
                _refuse_for(limits.wait_before_sign_in(tries, now, self.settings.wrong_sign_ins))
            if self.passwords.verify(usuario.password if usuario else None, password):
                return
            if self.settings.wrong_sign_ins:
                with self.database.write() as connection:
                    store.record_try(connection, _now(), address, key)
            raise refusal

    def _token(self, usuario: Usuario) -> str:
        return self.tokens.issue(usuario.claims(), self.settings.token_hours)

    def profile(self, caller: Caller) -> Usuario:
        """The caller's account; 401 where it is gone or its password changed after the token was issued."""
        with self.database.read() as connection:
            usuario = store.by_id(connection, caller.usuario_id)
        if usuario is None or not usuario.accepts(caller.issued):
            raise unauthorized()
        return usuario

    def profile_at_a_glance(self, caller: Caller) -> Usuario | None:
        """What profile gives, sooner; None where profile must be asked."""
        row = self._glance.row(caller.usuario_id)
        usuario = Usuario(*row) if row else None
        return usuario if usuario and usuario.accepts(caller.issued) else None

    def names(self, caller: Caller, numbers: list[int]) -> list[tuple[int, str]]:
        """Ids and names of the accounts among ``numbers``, for administrators."""
        if self.profile(caller).rol != ADMINISTRADOR:
            raise ApiError(403)
        with self.database.read() as connection:
            return store.names(connection, numbers)

    def change(self, caller: Caller, changes: Cambios, address: str) -> tuple[Usuario, str | None]:
        """The changed account, and a new token after a change of password."""
        usuario = self.profile(caller)
        if usuario.rol == LECTOR:
            raise ApiError(403)
        values: dict[str, Any] = {} if changes.nombre is UNSET else {"nombre": changes.nombre}
        if changes.password is not UNSET:
            current = "" if changes.password_actual is UNSET else changes.password_actual
            refusal = ApiError(403, "La contraseña actual no coincide", codigo="password_incorrecta")
            self._check_password(usuario, usuario.email, current, address, refusal)
            with self.passwords.turn():
                values["password"] = self.passwords.hash(changes.password)
            values["valido_desde"] = _now()
        if values:
            with self.database.write() as connection:
                if not store.change(connection, usuario, values):
                    raise unauthorized()
        changed = replace(usuario, **values)
        return changed, self._token(changed) if "password" in values else None

    def remove(self, caller: Caller) -> None:
        """Remove the caller's account; 409 for the last administrator."""
        usuario = self.profile(caller)
        if usuario.rol == LECTOR:
            raise ApiError(403)
        with self.database.write() as connection:
            store.one_at_a_time(connection)
            if usuario.rol == ADMINISTRADOR and not store.other_administrators(connection, usuario.id):
                raise ApiError(
                    409, "La tienda no puede quedarse sin administrador", codigo="ultimo_administrador"
                )
            store.remove(connection, usuario.id)


def _refuse_for(wait: int) -> None:
    if wait:
        raise ApiError(429, headers={"Retry-After": str(math.ceil(wait / 1000))})


def _now() -> int:
    return time.time_ns() // 1_000_000
