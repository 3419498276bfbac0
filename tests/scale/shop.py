"""Two of each service over one PostgreSQL, two storefronts over one Redis, all behind nginx."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from tests.e2e.running import Storefront
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.scale.proxies import NAME, Nginx
from tests.shop import FILES, Service, Shop

DEFAULT_PORTS = {"usuarios": 5003, "productos": 5001, "pedidos": 5002}
TWO = range(2)
WRONG_TRIES = 4
PATIENCE = 60.0  # seconds in which six programs that start at once are ready
SETTINGS = {"PEDIDOS_GRACIA": "2", "PROXIES_CONFIABLES": "127.0.0.1", "LIMITE_ACCESOS": str(WRONG_TRIES)}


class Scaled:
    """The whole shop. ``services`` is what a client sees of it: three addresses, of which each is nginx's."""

    def __init__(self, folder: Path, database: str, redis: RedisServer) -> None:
        self.folder = folder
        self.redis = redis
        self.services = Shop(folder, database, SETTINGS)
        environment = self.services.environment
        environment.update({f"{one.name.upper()}_URL": one.url for one in self.services.services})
        self.twins = {name: [self._service(name, number) for number in TWO] for name in FILES}
        self.storefronts = [self._storefront(number) for number in TWO]
        place = folder / "nginx"
        place.mkdir()
        self.nginx = Nginx(
            place,
            free_port(),
            free_port(),
            [one.port for one in self.storefronts],
            {
                DEFAULT_PORTS[one.name]: (one.port, [twin.port for twin in self.twins[one.name]])
                for one in self.services.services
            },
        )

    def _service(self, name: str, number: int) -> Service:
        port = free_port()
        environment = {**self.services.environment, f"{name.upper()}_PORT": str(port)}
        service = Service(name, self.folder, environment, self.services.environment["DATABASE_URL"], port)
        service.log = self.folder / f"{name}{number}.log"
        return service

    def _storefront(self, number: int) -> Storefront:
        folder = self.folder / f"storefront{number}"
        folder.mkdir()
        more = {"REDIS_URL": self.redis.url, "HOSTS_PERMITIDOS": NAME}
        return Storefront(folder, {**self.services.environment, **more})

    def start(self) -> None:
        self.nginx.start()
        for twin in chain(*self.twins.values()):
            twin.start(wait=False)
        for twin in chain(*self.twins.values()):
            twin.wait_ready(PATIENCE)
        assert self.services.admin.id == 1
        for storefront in self.storefronts:
            storefront.start()

    def stop(self) -> None:
        for storefront in self.storefronts:
            storefront.kill()
        for twin in chain(*self.twins.values()):
            if twin.process is not None and twin.process.poll() is None:
                twin.kill()
            twin.session.close()
        self.services.stop()
        self.nginx.stop()

    def each(self) -> Iterator[Service | Storefront]:
        """Every program, one of each kind first, then the other."""
        for number in TWO:
            yield from (twins[number] for twins in self.twins.values())
            yield self.storefronts[number]


def kill(program: Service | Storefront) -> None:
    assert program.process is not None
    with suppress(ProcessLookupError):
        os.killpg(program.process.pid, signal.SIGKILL)
    program.process.wait(10)
