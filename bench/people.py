"""Who uses the shop in measurements: shoppers of the data set, signed in by the real call."""

from concurrent.futures import ThreadPoolExecutor

import requests

from bench import data
from bench.programs import Shop

SHOPPERS = range(2, 66)  # numbers of accounts in the small set; number 1 is the administrator


def token(shop: Shop, number: int) -> str:
    account = {"email": data.email(number), "password": data.PASSWORD}
    answer = requests.post(f"{shop.address('usuarios')}/login", json=account, timeout=30)
    answer.raise_for_status()
    signed_in: str = answer.json()["token"]
    return signed_in


def tokens(shop: Shop, numbers: range = SHOPPERS) -> list[str]:
    """The tokens of these accounts, in their order."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda number: token(shop, number), numbers))
