"""``python -m services.productos.demo_pictures`` draws the demo catalogue's pictures ahead, so that a start need not.

They are kept under data/ (not in the repository) by the hash of their drawing: what is done is not done again.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec

from services.common.settings import ROOT
from services.productos import pictures
from services.productos.picture_process import derive_apart
from services.productos.pictures import WIDTHS, Picture

DRAWINGS = Path(__file__).parent / "demo" / "imagenes"
READY = ROOT / "data" / "productos-demo"
MOST_SECONDS = 300.0  # for one: a slow machine that does other things, too, gets there


def prepare(drawings: Sequence[Path], tell: Callable[[str], None]) -> dict[str, Picture]:
    """The pictures of some drawings by file name; those that are not ready are drawn, and ``tell`` hears of each."""
    started = time.monotonic()
    found = {path.name: picture for path in drawings if (picture := _ready(path))}
    missing = [path for path in drawings if path.name not in found]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, (path, picture) in enumerate(zip(missing, pool.map(_draw, missing), strict=True), 1):
            found[path.name] = picture
            tell(f"demo picture {number} of {len(missing)}: {path.stem} ({time.monotonic() - started:.0f} s)")
    return found


def _draw(path: Path) -> Picture:
    """A drawing as a picture, kept for the next time."""
    import resvg_py  # a service that has its pictures ready needs no renderer

    png = bytes(resvg_py.svg_to_bytes(svg_path=str(path), width=WIDTHS[-1], skip_system_fonts=True))
    drawn = derive_apart(png, MOST_SECONDS)
    picture = Picture(_name(path), drawn.ancho, drawn.alto, drawn.files)
    # A folder that cannot be written costs time at the next start, nothing else.
    with suppress(OSError):
        READY.mkdir(parents=True, exist_ok=True)
        beside = READY / f"{picture.hash}.{os.getpid()}"
        beside.write_bytes(msgspec.msgpack.encode(picture))
        beside.replace(READY / picture.hash)
    return picture


def _ready(path: Path) -> Picture | None:
    try:
        return msgspec.msgpack.decode((READY / _name(path)).read_bytes(), type=Picture)
    except (OSError, msgspec.DecodeError):
        return None


def _name(path: Path) -> str:
    return pictures.address(path.read_bytes())


def main() -> None:
    drawings = sorted(DRAWINGS.glob("*.svg"))
    prepare(drawings, lambda line: print(line, flush=True))
    print(f"demo pictures ready: {len(drawings)}", flush=True)


if __name__ == "__main__":
    main()
