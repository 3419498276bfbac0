"""`python -m tests.plain_services usuarios|productos|pedidos FILE PORT` serves one of them on loopback."""

import sys
from pathlib import Path

from werkzeug.serving import make_server

from tests.plain_services import apps


def main() -> None:
    name, file, port = sys.argv[1:]
    app = getattr(apps, name)(Path(file))
    make_server("127.0.0.1", int(port), app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
