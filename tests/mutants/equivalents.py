"""Mutants that change nothing that anybody could notice, each with the reason."""

CLOCK = "the moment equals a clock of nanoseconds, which no request hits"
RESERVAS = "services/productos/reservas.py"
TOKENS = "services/common/tokens.py"

EQUIVALENTS: dict[str, str] = {
    f"{RESERVAS} _claim: 0 → 1": "whether stock was taken is read of what is held, never of what is cancelled",
    f"{RESERVAS} PRODUCT: True → False": "a stronger lock of the same row, on PostgreSQL alone",
    f"{TOKENS} caller: 0 → 1 (2)": "a token without iat was issued before every change of a password either way",
    f'{TOKENS} service: claims["exp"] > time.time() + CREDENTIAL_SECONDS + LEEWAY'
    ' → (claims["exp"]) >= (time.time() + CREDENTIAL_SECONDS + LEEWAY)': CLOCK,
    f"{TOKENS} _claims: time.time() - LEEWAY < expires < math.inf"
    " → (time.time() - LEEWAY) <= (expires) < (math.inf)": CLOCK,
    f"{TOKENS} _verify: False → True": "exp is looked at twice then, with the same leeway",
}
