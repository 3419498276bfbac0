"""Assembles the storefront. Nothing happens at import."""

import time
from functools import partial

from flask import Flask
from requests.adapters import BaseAdapter

from storefront import admin, carrito, catalogo, cuenta, estado, pagar, pedidos, tablero
from storefront.assets import init_assets
from storefront.cookies import init_cookies
from storefront.front import FrontPages
from storefront.i18n import LanguagePrefix, init_i18n
from storefront.logs import Requests, init_logs
from storefront.metrics import Metrics, init_metrics
from storefront.pages import init_pages
from storefront.reader import Reader
from storefront.security import FixedHeaders, init_security
from storefront.service import page_deadline
from storefront.services import Services
from storefront.session import STORE, init_session
from storefront.settings import Settings
from storefront.shelf import Shelf
from storefront.shop import EXTENSION, Shop
from storefront.store import Store, is_ready, open_store

PAGE_SECONDS = 4.5
LARGEST_FORM = 64 * 1024
AREAS = (catalogo, carrito, pagar, pedidos, cuenta, admin, tablero, estado)


def create_app(settings: Settings, adapter: BaseAdapter | None = None) -> Flask:
    """The storefront over the services that `settings` name; `adapter` carries its calls in tests."""
    store = open_store(settings.database, settings.redis_url)
    services = Services(settings.usuarios_url, settings.productos_url, settings.pedidos_url, adapter)
    reader = Reader(
        services.usuarios,
        settings.reader_email or f"lector-{store.secret('reader_name')[:12].lower()}@storefront.invalid",
        settings.reader_password or store.secret("reader_password"),
        may_register=lambda: bool(settings.reader_email) or store.has_seen_somebody(),
    )
    app = Flask(__name__, static_folder=None)
    app.config.update(
        MONEDA=settings.currency,
        PROXIES=settings.proxies,
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        # Werkzeug measures a chunk of 64 KiB of a picture, too, with what it kept of the one before.
        MAX_FORM_MEMORY_SIZE=2 * LARGEST_FORM,
        MAX_FORM_PARTS=300,
    )
    app.debug = settings.debug
    app.json.compact = True  # type: ignore[attr-defined]
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    shelf = Shelf(services.productos, reader)
    metrics = _counted(store, services)
    app.extensions[EXTENSION] = Shop(services, shelf, metrics)
    init_metrics(app, metrics)

    @app.before_request
    def start_clock() -> None:
        page_deadline.set(time.monotonic() + PAGE_SECONDS)

    init_i18n(app)
    init_logs(app)
    init_security(app, settings.host, settings.hosts)
    init_assets(app)
    init_session(app, store)
    init_cookies(app, settings.secret or store.secret("cookies"))
    init_pages(app)
    for area in AREAS:
        app.register_blueprint(area.area)
    # A request meets these from the last to the first: log, fixed headers, kept pages, language, Flask.
    app.wsgi_app = LanguagePrefix(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = FrontPages(app.wsgi_app, shelf)  # type: ignore[method-assign]
    app.wsgi_app = FixedHeaders(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Requests(app.wsgi_app, metrics)  # type: ignore[method-assign]
    return app


def _counted(store: Store, services: Services) -> Metrics:
    """The counters of this storefront, which the services and the store are told of."""
    metrics = Metrics(tuple(service.name for service in services.each()))
    for service in services.each():
        service.count = partial(metrics.call, service.name)
        metrics.watch(service.name, service.circuit)
    metrics.gauge("ready", "Whether the storefront's own store answers.", partial(is_ready, store))
    return metrics


def warm_up(app: Flask) -> None:
    """Compiles the templates of the first page once, before many first visitors would each do it."""
    for name in app.jinja_env.list_templates():
        if name.startswith(("layout", "components/", "catalogo/lista")):
            app.jinja_env.get_template(name)


def close_app(app: Flask) -> None:
    """Gives back what the application holds: threads, connections, its database."""
    shop: Shop = app.extensions[EXTENSION]
    shop.shelf.close()
    for service in shop.services.each():
        service.close()
    store: Store = app.extensions[STORE]
    store.close()
