"""How the operator's programs say what went wrong: one line."""

import sqlite3

from sqlalchemy.exc import SQLAlchemyError

from services.auditar.databases import DamagedError, UnreadableError
from services.common.settings import SettingsError


class OperationError(Exception):
    """What was asked for cannot be done."""


EXPECTED = (
    OperationError,
    UnreadableError,
    DamagedError,
    SettingsError,
    SQLAlchemyError,
    sqlite3.Error,
    OSError,
)


def explained(error: Exception) -> str:
    """An error as one line."""
    if isinstance(error, SQLAlchemyError):
        error = getattr(error, "orig", None) or error
    return (str(error).splitlines() or [repr(error)])[0]
