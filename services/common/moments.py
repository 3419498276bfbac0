"""Moments are integer milliseconds UTC inside and ISO 8601 on the wire."""

from datetime import UTC, datetime


def iso(milliseconds: int | None) -> str | None:
    """``2026-11-24T07:01:08.123Z``; None for a moment that nobody noted."""
    if milliseconds is None:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
