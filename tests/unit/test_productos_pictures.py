"""The process in which pictures are decoded: what it refuses, and that its end is not the service's."""

import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from services.productos import demo_pictures, picture_process
from services.productos.picture_process import BusyError, derive_apart, derive_in_turn
from services.productos.pictures import PictureError, derive


def a_png(width: int = 40, height: int = 30) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "PNG")
    return file.getvalue()


def test_the_process_gives_what_the_function_gives() -> None:
    assert derive_apart(a_png()) == derive(a_png())


def test_what_is_refused_there_is_refused_here() -> None:
    with pytest.raises(PictureError, match="No pudimos leer"):
        derive_apart(b"no picture")


@pytest.mark.parametrize(
    "ends",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "raise MemoryError",
        "import os; os._exit(1)",
    ],
)
def test_a_process_that_dies_refuses_the_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: str
) -> None:
    _instead(monkeypatch, tmp_path, ends)
    with pytest.raises(PictureError, match="No pudimos preparar"):
        derive_apart(a_png())


def test_a_process_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _instead(monkeypatch, tmp_path, "import signal; signal.pause()")
    with pytest.raises(PictureError, match="tarda demasiado"):
        derive_apart(a_png(), 0.5)


def test_one_picture_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_process, "TURN_SECONDS", 0.05)
    with picture_process._one_at_a_time, pytest.raises(BusyError):
        derive_in_turn(a_png())
    assert derive_in_turn(a_png()).ancho == 40


def test_drawings_of_the_demo_wait_for_no_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_pictures, "READY", tmp_path)
    drawings = sorted(demo_pictures.DRAWINGS.glob("*.svg"))[:2]
    with picture_process._one_at_a_time:
        assert set(demo_pictures.prepare(drawings, lambda _line: None)) == {path.name for path in drawings}


def _instead(monkeypatch: pytest.MonkeyPatch, folder: Path, program: str) -> None:
    """The process runs another program."""
    script = folder / "instead"
    script.write_text(f"#!{sys.executable}\n{program}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
