"""Pictures: what is taken, what becomes of it, what is refused, and how it is served (contract.md section 4)."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image, ImageCms, ImageDraw

from tests.api import wire
from tests.api.catalogues import ADMIN, CLIENT, add, edit, names, read, version
from tests.api.processes import at_once
from tests.shop import Service, Shop

MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "AVIF": "image/avif"}
WIDTHS = (320, 480, 640, 960)
TYPES = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}
RED, BLUE = (200, 30, 30), (20, 40, 200)


def a_picture(width: int = 1200, height: int = 800, mode: str = "RGB") -> Image.Image:
    """Red, with its upper left quarter blue."""
    picture = Image.new("RGB", (width, height), RED)
    ImageDraw.Draw(picture).rectangle((0, 0, width // 2, height // 2), fill=BLUE)
    return picture.convert(mode)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def put(
    shop: Shop, product: int, content: bytes, media: str = "image/png", alt: str | None = None, **headers: str
) -> requests.Response:
    return shop.productos.put(
        f"/productos/{product}/imagen",
        ADMIN,
        data=content,
        params={} if alt is None else {"alt": alt},
        headers={"Content-Type": media, **headers},
    )


def served(productos: Service, picture: dict[str, Any], width: int, kind: str) -> Image.Image:
    """The picture as a browser opens it, with every check of how it comes."""
    answer = productos.get(f"/imagenes/{picture['hash']}-{width}.{kind}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, TYPES[kind])
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    opened = Image.open(io.BytesIO(answer.content))
    opened.load()
    return opened


def near(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(pixel[:3], colour, strict=True))


@pytest.mark.parametrize("kind", MEDIA)
def test_a_picture_is_served_in_four_widths_and_three_formats(shop: Shop, kind: str) -> None:
    product = add(shop.productos)
    answer = put(shop, product, encoded(a_picture(), kind), MEDIA[kind], alt="Rojo y azul")
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == '"2"'
    picture = read(shop.productos, product)["imagen"]
    assert answer.json()["imagen"] == picture
    assert {**picture, "hash": ""} == {"hash": "", "ancho": 960, "alto": 640, "alt": "Rojo y azul"}
    assert picture["hash"].isalnum()
    for width in WIDTHS:
        for served_kind in TYPES:
            opened = served(shop.productos, picture, width, served_kind).convert("RGB")
            assert opened.size == (width, round(width * 2 / 3))
            assert near(opened.getpixel((width // 8, width // 8)), BLUE)
            assert near(opened.getpixel((width - 10, 10)), RED)
    listed = shop.productos.get("/productos", CLIENT).json()
    assert next(each for each in listed if each["id"] == product)["imagen"] == picture


def test_its_address_needs_no_token_and_never_changes(shop: Shop) -> None:
    product = add(shop.productos)
    picture = put(shop, product, encoded(a_picture(400, 400))).json()["imagen"]
    path = f"/imagenes/{picture['hash']}-320.webp"
    first = shop.productos.get(path)
    again = shop.productos.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert put(shop, product, encoded(a_picture(400, 400))).json()["imagen"]["hash"] == picture["hash"]
    other = put(shop, product, encoded(a_picture(400, 401))).json()["imagen"]
    assert other["hash"] != picture["hash"]


def test_a_small_picture_is_not_enlarged(shop: Shop) -> None:
    product = add(shop.productos)
    picture = put(shop, product, encoded(a_picture(500, 250))).json()["imagen"]
    assert (picture["ancho"], picture["alto"]) == (500, 250)
    sizes = {width: served(shop.productos, picture, width, "jpg").size for width in WIDTHS}
    assert sizes == {320: (320, 160), 480: (480, 240), 640: (500, 250), 960: (500, 250)}
    dot = put(shop, product, encoded(a_picture(1, 1))).json()["imagen"]
    assert {served(shop.productos, dot, width, kind).size for width in WIDTHS for kind in TYPES} == {(1, 1)}


def test_it_is_upright_and_freed_of_its_metadata(shop: Shop) -> None:
    picture = a_picture(1000, 500)
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    exif[0x010E] = "CANARIO"
    exif.get_ifd(0x8825)[1] = "N"
    content = encoded(picture, "JPEG", exif=exif, comment=b"CANARIO")
    assert b"CANARIO" in content
    answer = put(shop, add(shop.productos), content, "image/jpeg")
    stored = answer.json()["imagen"]
    assert (stored["ancho"], stored["alto"]) == (500, 1000)
    for kind in TYPES:
        opened = served(shop.productos, stored, 480, kind)
        assert opened.size == (480, 960)
        assert near(opened.convert("RGB").getpixel((470, 10)), BLUE)
        assert not opened.getexif()
        assert not {"exif", "xmp", "comment", "icc_profile"} & set(opened.info)
    rows = shop.productos.sql("SELECT datos FROM imagenes_archivos WHERE hash = :hash", hash=stored["hash"])
    assert len(rows) == 9  # 320, 480 and its own 500, in three formats
    assert not any(b"CANARIO" in bytes(row.datos) for row in rows)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "RGBA", "CMYK"])
def test_every_mode_of_colour_becomes_a_picture(shop: Shop, mode: str) -> None:
    picture = Image.new(mode, (400, 400), 40_000) if mode == "I;16" else a_picture(400, 400, mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    answer = put(shop, add(shop.productos), encoded(picture, kind), MEDIA[kind])
    assert answer.status_code == 200, answer.text
    assert served(shop.productos, answer.json()["imagen"], 320, "jpg").mode == "RGB"


def test_what_is_transparent_becomes_white(shop: Shop) -> None:
    answer = put(shop, add(shop.productos), encoded(Image.new("RGBA", (400, 400), (0, 0, 0, 0))))
    for kind in TYPES:
        opened = served(shop.productos, answer.json()["imagen"], 320, kind).convert("RGB")
        assert near(opened.getpixel((100, 100)), (255, 255, 255))


def test_a_colour_profile_is_applied_or_if_broken_ignored(shop: Shop) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (profile, b"no profile"):
        content = encoded(a_picture(400, 400), "JPEG", icc_profile=icc)
        answer = put(shop, add(shop.productos), content, "image/jpeg")
        opened = served(shop.productos, answer.json()["imagen"], 320, "jpg")
        assert near(opened.getpixel((10, 10)), BLUE)


# What is refused


def a_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PNG = encoded(a_picture(60, 40))
JPEG = encoded(a_picture(60, 40), "JPEG")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NO_PICTURE = "No pudimos leer este archivo como imagen"
DAMAGED = "incompleta o dañada"
TOO_MANY = "megapíxeles"
REFUSED = {
    "nothing": (b"", NO_PICTURE),
    "text": (b"hola", NO_PICTURE),
    "svg": (SVG, NO_PICTURE),
    "gif": (encoded(a_picture(10, 10), "GIF"), NO_PICTURE),
    "bmp": (encoded(a_picture(10, 10), "BMP"), NO_PICTURE),
    "tiff": (encoded(a_picture(10, 10), "TIFF"), NO_PICTURE),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", NO_PICTURE),
    "zip": (b"PK\x03\x04" + bytes(100), NO_PICTURE),
    "html with a name": (b"GIF89a<script>alert(1)</script>", NO_PICTURE),
    "only a beginning": (PNG[:20], NO_PICTURE),
    "a truncated png": (PNG[: len(PNG) // 2], DAMAGED),
    "a truncated jpeg": (JPEG[: len(JPEG) // 2], DAMAGED),
    "26 megapixels": (a_bomb(6_500, 4_001), TOO_MANY),
    "a bomb": (a_bomb(50_000, 50_000), TOO_MANY),
    "a thread": (a_bomb(20_000, 1), "píxeles de largo"),
    "a png of noise": (PNG[:60] + bytes(reversed(PNG[60:])), DAMAGED),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_good_picture_is_told_so_and_changes_nothing(shop: Shop, case: str) -> None:
    content, sentence = REFUSED[case]
    product = add(shop.productos)
    answer = put(shop, product, content)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert read(shop.productos, product)["imagen"] is None
    assert version(shop.productos, product) == {"If-Match": '"1"'}


def test_a_refused_picture_leaves_the_one_before(shop: Shop) -> None:
    product = add(shop.productos)
    kept = put(shop, product, PNG, alt="antes").json()["imagen"]
    assert put(shop, product, SVG).status_code == 400
    assert read(shop.productos, product)["imagen"] == kept


def test_five_megabytes_are_the_most(shop: Shop) -> None:
    product = add(shop.productos)
    filled = PNG[:-12] + b"".join(
        struct.pack(">I", 100_000) + b"teSt" + bytes(100_000) + struct.pack(">I", zlib.crc32(b"teSt" + bytes(100_000)))
        for _ in range(49)
    ) + PNG[-12:]  # fmt: skip
    assert 4_900_000 < len(filled) < 5_000_000
    assert put(shop, product, filled).status_code == 200
    answer = put(shop, product, bytes(5_000_001))
    assert (answer.status_code, answer.json()["error"]) == (413, "La imagen pesa más de 5 MB")
    chunked = shop.productos.put(
        f"/productos/{product}/imagen",
        ADMIN,
        data=iter([bytes(1_000_000)] * 6),
        headers={"Content-Type": "image/png", "Connection": "close"},
    )
    assert chunked.status_code == 413


@pytest.mark.parametrize("media", ["image/gif", "image/svg+xml", "text/html", "application/octet-stream", ""])
def test_other_media_types_are_415(shop: Shop, media: str) -> None:
    answer = put(shop, add(shop.productos), PNG, media)
    assert (answer.status_code, answer.json()["error"]) == (415, "La imagen debe ser PNG, JPEG, WebP o AVIF")


def test_a_product_that_is_not_there_has_no_picture(shop: Shop) -> None:
    assert put(shop, 999_999, PNG).status_code == 404
    assert shop.productos.delete("/productos/999999/imagen", ADMIN).status_code == 404


OTHER_NAMES = (
    "{hash}-321.jpg", "{hash}-0.jpg", "{hash}-320.png", "{hash}-320.JPG", "{hash}-0320.jpg", "{hash}-320", "{hash}",
    "../productos-320.jpg", "%00-320.jpg", "0-320.jpg", "{hash}-320.jpg.html", "%27--320.jpg", "{hash}-960.avif/x",
    "{hash}{hash}-320.jpg", "{hash}-320.jpg%00",
)  # fmt: skip


def test_other_addresses_are_404(shop: Shop) -> None:
    known = put(shop, add(shop.productos), PNG).json()["imagen"]["hash"]
    for name in OTHER_NAMES:
        answer = shop.productos.get("/imagenes/" + name.format(hash=known))
        assert (answer.status_code, "error" in answer.json()) == (404, True), name


# Its life


def test_its_version_is_the_products_where_one_is_named(shop: Shop) -> None:
    product = add(shop.productos)
    assert put(shop, product, PNG, **{"If-Match": '"9"'}).status_code == 412
    assert put(shop, product, PNG, **{"If-Match": '"1"'}).status_code == 200
    path = f"/productos/{product}/imagen"
    assert shop.productos.delete(path, ADMIN, headers={"If-Match": '"1"'}).status_code == 412
    answer = shop.productos.delete(path, ADMIN, headers={"If-Match": '"2"'})
    assert (answer.status_code, answer.json()["imagen"], answer.headers["ETag"]) == (200, None, '"3"')
    assert shop.productos.delete(path, ADMIN).json()["imagen"] is None


def test_its_text_is_edited_with_the_product_and_goes_with_the_picture(shop: Shop) -> None:
    product = add(shop.productos)
    put(shop, product, PNG, alt="Una taza")
    edited = edit(shop.productos, product, imagen_alt="Una taza azul")
    assert edited["imagen"]["alt"] == "Una taza azul"
    assert edit(shop.productos, product, nombre="Otra")["imagen"]["alt"] == "Una taza azul"
    assert put(shop, product, JPEG, "image/jpeg").json()["imagen"]["alt"] == ""
    assert put(shop, product, PNG, alt="x" * 301).status_code == 400


def test_a_picture_is_kept_for_as_long_as_a_product_shows_it(shop: Shop) -> None:
    content = encoded(a_picture(333, 222))
    one, two = add(shop.productos), add(shop.productos)
    picture = put(shop, one, content).json()["imagen"]
    assert put(shop, two, content).json()["imagen"]["hash"] == picture["hash"]
    shop.productos.delete(f"/productos/{one}/imagen", ADMIN)
    served(shop.productos, picture, 320, "avif")
    put(shop, two, PNG)
    assert shop.productos.get(f"/imagenes/{picture['hash']}-320.avif").status_code == 404
    rows = shop.productos.sql("SELECT 1 FROM imagenes_archivos WHERE hash = :hash", hash=picture["hash"])
    assert rows == []


def test_pictures_survive_a_kill(new_shop: Any) -> None:
    shop: Shop = new_shop(running=False)
    shop.productos.start()
    product = add(shop.productos)
    picture = put(shop, product, PNG).json()["imagen"]
    shop.productos.kill()
    shop.productos.start()
    assert served(shop.productos, picture, 480, "webp").size == (60, 40)


def test_pictures_given_and_taken_at_once_end_in_one_of_them(shop: Shop) -> None:
    contents = [encoded(a_picture(40 + number, 40)) for number in range(2)]
    products = [add(shop.productos) for _ in range(2)]

    def change(number: int) -> int:
        product = products[number % 2]
        if number % 3 == 2:
            return shop.productos.delete(f"/productos/{product}/imagen", ADMIN).status_code
        return put(shop, product, contents[number // 2 % 2]).status_code

    assert set(at_once(change, range(12))) <= {200, 503}
    for product in products:
        picture = read(shop.productos, product)["imagen"]
        if picture:
            served(shop.productos, picture, 320, "jpg")


# What one picture costs the others


def test_the_catalogue_is_served_while_pictures_are_prepared(shop: Shop) -> None:
    products = [add(shop.productos) for _ in range(3)]
    noise = Image.effect_noise((5_000, 4_999), 15)
    content = encoded(noise, "JPEG", quality=30)
    assert len(content) < 5_000_000
    with ThreadPoolExecutor(3) as pool:
        uploads = [pool.submit(put, shop, product, content, "image/jpeg") for product in products]
        served_meanwhile = 0
        slowest = 0.0
        while not all(upload.done() for upload in uploads):
            answer = shop.productos.get(f"/productos/{products[0]}", CLIENT)
            assert answer.status_code == 200
            slowest = max(slowest, answer.elapsed.total_seconds())
            served_meanwhile += 1
        statuses = sorted(upload.result().status_code for upload in uploads)
    assert statuses[0] == 200
    assert set(statuses) <= {200, 503}
    assert served_meanwhile > 5
    assert slowest < 1.5


def test_no_picture_is_read_before_its_sender_is_known(shop: Shop) -> None:
    """Forty who never finish sending hold no thread: without a good token nothing is read of them."""
    slow = wire.request(
        "PUT /productos/1/imagen", "Content-Type: image/png\r\nContent-Length: 4000000\r\n", b"\x89PNG"
    )
    opened = [wire.connection(shop.productos) for _ in range(40)]
    sockets = [each.__enter__() for each in opened]
    try:
        for socket in sockets:
            socket.sendall(slow)
        assert shop.productos.get("/productos", CLIENT).elapsed.total_seconds() < 2
    finally:
        for each in opened:
            each.__exit__(None, None, None)


def test_memory_returns_after_large_pictures(shop: Shop) -> None:
    product = add(shop.productos)
    content = encoded(Image.new("RGB", (5_000, 5_000), RED))

    def resident() -> int:
        status = Path(f"/proc/{shop.productos.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    put(shop, product, content)
    before = resident()
    for _ in range(3):
        assert put(shop, product, content).status_code == 200
    assert resident() < before + 60_000  # kB


def test_the_calls_are_described(shop: Shop) -> None:
    paths = shop.productos.get("/openapi.json").json()["paths"]
    upload = paths["/productos/{producto_id}/imagen"]["put"]
    assert set(upload["requestBody"]["content"]) == set(MEDIA.values())
    assert {"alt", "If-Match"} <= set(names([{"nombre": each["name"]} for each in upload["parameters"]]))
    assert "/imagenes/{hash}-{ancho}.{formato}" in paths
