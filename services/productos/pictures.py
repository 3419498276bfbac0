"""Turns an uploaded picture into the files that are served: checked, upright, in sRGB, without metadata, in four widths.

Run as a program it does so for the bytes of its standard input (picture_process.py); so it imports little.
"""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageCms, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")
MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp", "image/avif")
LARGEST_BYTES = 5_000_000
LARGEST_PIXELS = 25_000_000
LONGEST_SIDE = 16_000  # WebP cannot write more
WIDTHS = (320, 480, 640, 960)
ENCODINGS: dict[str, tuple[str, dict[str, int | bool]]] = {
    "avif": ("AVIF", {"quality": 50, "speed": 8, "max_threads": 1}),
    "webp": ("WEBP", {"quality": 75, "method": 4}),
    "jpg": ("JPEG", {"quality": 78, "progressive": True, "optimize": True}),
}
RECIPE = b"1"  # counts changes of the above: other files need other addresses


class PictureError(Exception):
    """The bytes are no picture that can be taken; a Spanish sentence says why."""


@dataclass(frozen=True)
class File:
    """One width of a picture in one format (a key of ENCODINGS)."""

    ancho: int
    formato: str
    datos: bytes


@dataclass(frozen=True)
class Picture:
    """A picture by the hash of what was uploaded; its size is that of its largest files."""

    hash: str
    ancho: int
    alto: int
    files: tuple[File, ...]


def derive(content: bytes) -> Picture:
    """The files of an uploaded picture; raise PictureError.

    A picture is never enlarged: one narrower than a width has its own width there.
    """
    image = _decode(content)
    files = []
    ancho = alto = 0
    for width in sorted({min(width, image.width) for width in WIDTHS}):
        ancho, alto = width, max(1, round(image.height * width / image.width))
        scaled = image.resize((ancho, alto), Image.Resampling.LANCZOS, reducing_gap=3.0)
        files += [File(width, formato, _encode(scaled, formato)) for formato in ENCODINGS]
    return Picture(address(content), ancho, alto, tuple(files))


def address(content: bytes) -> str:
    return hashlib.sha256(RECIPE + content).hexdigest()[:32]


def _decode(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception:  # a decoder may raise anything on bytes made to confuse it
        raise PictureError("No pudimos leer este archivo como imagen; usa JPG, PNG, WebP o AVIF") from None
    if image.width * image.height > LARGEST_PIXELS:
        raise _too_many_pixels()
    if max(image.size) > LONGEST_SIDE:
        raise PictureError(f"La imagen mide más de {LONGEST_SIDE} píxeles de largo")
    try:
        # A JPEG can be decoded at a fraction of its size.
        image.draft("RGB", (2 * WIDTHS[-1], 2 * WIDTHS[-1]))
        image.load()
        flat = _flat(_in_srgb(ImageOps.exif_transpose(image)))
    except Exception:
        raise PictureError("La imagen está incompleta o dañada") from None
    flat.info = {}  # Pillow would write some of it again
    return flat


def _too_many_pixels() -> PictureError:
    return PictureError(f"La imagen tiene más de {LARGEST_PIXELS // 1_000_000} megapíxeles")


def _in_srgb(image: Image.Image) -> Image.Image:
    """Colours as every screen understands them, since the profile goes with the other metadata."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image


def _flat(image: Image.Image) -> Image.Image:
    """RGB on white: JPEG knows no transparency."""
    if image.mode.startswith("I;16"):
        image = image.convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    background = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(background, layer).convert("RGB")


def _encode(image: Image.Image, formato: str) -> bytes:
    name, options = ENCODINGS[formato]
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()
