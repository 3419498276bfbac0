"""What the orders service reads from its environment (contract.md section 7)."""

from dataclasses import dataclass

from services.common.settings import Environment, ServiceSettings, service_settings


@dataclass(frozen=True)
class Settings:
    """``productos_url`` is "" where pedidos runs alone; ``gracia`` is seconds that an unfinished order waits."""

    service: ServiceSettings
    productos_url: str
    gracia: float

    @classmethod
    def read(cls) -> "Settings":
        """Raise SettingsError with one clear line."""
        environment = Environment.read()
        productos = f"http://127.0.0.1:{environment.whole('PRODUCTOS_PORT', 5001, 1, 65535)}"
        return cls(
            service=service_settings(environment, "pedidos", 5002, "pedido.db"),
            productos_url=environment.address("PRODUCTOS_URL", productos),
            gracia=environment.seconds("PEDIDOS_GRACIA", 60),
        )
