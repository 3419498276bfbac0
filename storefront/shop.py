"""What the areas of the shop share in a request: the services and the shelf of products."""

from dataclasses import dataclass

from flask import current_app

from storefront.metrics import Metrics
from storefront.services import Services
from storefront.shelf import Shelf

EXTENSION = "pingui.shop"


@dataclass(frozen=True)
class Shop:
    services: Services
    shelf: Shelf
    metrics: Metrics


def shop() -> Shop:
    return current_app.extensions[EXTENSION]  # type: ignore[no-any-return]
