"""Each program says at its start which SQLite it runs on, and whether its WAL-reset race could matter (P17)."""

import json
import sqlite3
from pathlib import Path

import pytest

from services.common.database import sqlite_notice
from tests.shop import Service, Shop


@pytest.mark.parametrize(
    ("version", "races"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
        ((4, 0, 0), False),
    ],
)
def test_the_versions_that_race_are_named(version: tuple[int, ...], races: bool) -> None:
    notice = sqlite_notice(version)
    assert ".".join(map(str, version)) in notice
    assert ("one connection writes" in notice) is races
    assert ("free of" in notice) is not races


def notices(service: Service) -> list[str]:
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
    return [line["message"] for line in lines if "SQLite" in line.get("message", "")]


def test_every_service_says_it_once_when_it_starts(shop: Shop) -> None:
    expected = [sqlite_notice(sqlite3.sqlite_version_info)] if shop.backend == "sqlite" else []
    for service in shop.services:
        assert notices(service) == expected


def test_the_storefront_says_it_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from storefront.store import open_store

    with caplog.at_level("INFO", "storefront"):
        open_store(tmp_path / "storefront.db", "").close()
    assert sqlite3.sqlite_version in caplog.text
