"""What the accounts service reads from its environment (contract.md section 7)."""

from dataclasses import dataclass

from services.common.settings import Environment, ServiceSettings, service_settings


@dataclass(frozen=True)
class Settings:
    """``wrong_sign_ins`` and ``registrations`` are limits per address, 0 for none; e-mails are folded for comparison."""

    service: ServiceSettings
    token_hours: int
    admin_emails: frozenset[str]
    wrong_sign_ins: int
    registrations: int
    reader_email: str
    reader_password: str

    @classmethod
    def read(cls) -> "Settings":
        """Raise SettingsError with one clear line."""
        environment = Environment.read()
        return cls(
            service=service_settings(environment, "usuarios", 5003, "usuarios.db"),
            token_hours=environment.whole("JWT_EXPIRATION_HOURS", 1, 1, 24 * 366),
            admin_emails=frozenset(email.casefold() for email in environment.words("ADMIN_EMAILS")),
            wrong_sign_ins=environment.whole("LIMITE_ACCESOS", 10),
            registrations=environment.whole("LIMITE_REGISTROS", 100),
            reader_email=environment.text("STOREFRONT_EMAIL").casefold(),
            reader_password=environment.text("STOREFRONT_PASSWORD"),
        )
