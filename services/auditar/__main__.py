"""``python -m services.auditar [service …]``: read the databases, name every broken invariant.

Exit status 0 where all hold, 1 where one is broken (one line each), 2 where a database cannot be read.
"""

import argparse
import sys

from services.auditar import audit
from services.auditar.databases import FILES, UnreadableError, places
from services.common.settings import Environment, SettingsError

BROKEN, UNREADABLE = 1, 2


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m services.auditar", description=__doc__)
    parser.add_argument("services", nargs="*", help=f"which of {', '.join(FILES)}; all by default")
    parser.add_argument("--older", type=float, metavar="SECONDS", help="how long an order may be unfinished")
    given = parser.parse_args(arguments)
    unknown = set(given.services) - FILES.keys()
    if unknown:
        parser.error(f"no such service: {', '.join(sorted(unknown))}")
    try:
        environment = Environment.read()
        found = places(environment)
        asked = {name: found[name] for name in given.services or found}
        older = environment.seconds("PEDIDOS_GRACIA", 60) + audit.SETTLED
        broken = 0
        for fault in audit.faults(asked, older if given.older is None else given.older):
            broken += 1
            print(fault, flush=True)
    except (SettingsError, UnreadableError) as error:
        print(f"audit: {error}", file=sys.stderr)
        return UNREADABLE
    print(f"audit of {', '.join(asked)}: {f'{broken} faults' if broken else 'everything holds'}")
    return BROKEN if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
