"""Pictures of all kinds are read in one way by preparation and audits, and none loses values without a word."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.audit.decoding import decode
from bench.data.prepare import prepare
from bench.data.readers.grey_images import UnfitImageError, read_grey
from bench.data.readers.images import read_image

RNG = np.random.default_rng(0)
Y, X = np.mgrid[:64, :64]
HEAD = ((np.hypot(X - 32, Y - 32) < 26) * (60 + X + Y // 2)).astype(np.uint8)  # no two turns of it are alike
TWELVE = RNG.integers(0, 4096, (64, 64)).astype(np.uint16)


def png(path: Path, values: np.ndarray, depth: int, kind: int, more: bytes = b"", interlace: int = 0) -> Path:
    """Written by hand: what Pillow cannot write. values: (H, bytes of a row)."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + row.tobytes() for row in values)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    wide = values.shape[1] * 8 * values.itemsize // (depth * channels)
    head = struct.pack(">IIBBBBB", wide, len(values), depth, kind, 0, 0, interlace)
    chunks = chunk(b"IHDR", head) + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def saved(path: Path, image: Image.Image | np.ndarray, **more: object) -> Path:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **more)
    return path


@pytest.mark.parametrize("high", [1024, 4096, 16384, 65536])
def test_no_grey_level_of_16_bits_is_lost_and_a_dark_image_is_noted(tmp_path, high):
    values = RNG.integers(0, high, (64, 64)).astype(np.uint16)
    values[0, 0] = high - 1
    scan = read_image(saved(tmp_path / "a.png", values), 64)
    np.testing.assert_allclose(scan.image[0] * 257.0, values, atol=0.01)  # 65,535 is 255
    assert len(np.unique(scan.image)) == len(np.unique(values))
    assert (f"uses {int(high - 1).bit_length()} of its 16 bits" in "".join(scan.notes)) == (high < 65536)


def test_levels_of_16_bits_survive_a_change_of_size_without_overshooting(tmp_path):
    scan = read_image(saved(tmp_path / "a.png", TWELVE), 50)
    assert len(np.unique(scan.image)) > 2000
    assert 0 <= scan.image.min() < scan.image.max() <= np.float32(TWELVE.max() / 257) + 1e-4


def test_the_note_on_dark_images_is_in_the_manifest(tmp_path):
    for at, label in enumerate(("Healthy", "Tumor")):
        (tmp_path / label).mkdir()
        for number in range(2):
            saved(tmp_path / label / f"{number}.png", np.roll(TWELVE, 9 * at + 5 * number))
    made = prepare("bt_ct", source=tmp_path)
    assert made.images().dtype == np.float32
    assert any("and 3 other scans: a 16-bit image" in note for note in made.manifest["notes"])


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("end", ["jpg", "png", "tif"])
def test_preparation_and_audit_turn_an_image_as_its_exif_tag_says(tmp_path, turn, end):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that the tag's turn takes back
    stored, exif = Image.fromarray(HEAD), Image.Exif()
    stored = stored if turn == 1 else stored.transpose(Image.Transpose(undo[turn]))
    exif[274] = turn
    path = saved(tmp_path / f"a.{end}", stored, exif=exif, **({"quality": 98} if end == "jpg" else {}))
    shown = read_grey(path)
    assert np.abs(shown.astype(float) - HEAD).mean() < 1
    if end != "tif":
        np.testing.assert_allclose(read_image(path, 64).image[0], shown, atol=2)
    np.testing.assert_array_equal(decode(path).small, decode(saved(tmp_path / "b.png", shown)).small)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_of_grey_span_the_whole_range(tmp_path, depth):
    found = read_grey(png(tmp_path / "a.png", np.array([[0b11100100]], np.uint8), depth, 0))
    expected = {1: [255, 255, 255, 0, 0, 255, 0, 0], 2: [255, 170, 85, 0], 4: [238, 68]}
    assert found.tolist() == [expected[depth]]


def test_an_interlaced_image_is_that_image(tmp_path):
    """One pixel: the first pass of Adam7 has it, the others nothing."""
    assert read_grey(png(tmp_path / "a.png", np.array([[77]], np.uint8), 8, 0, interlace=1)).tolist() == [[77]]


def _transparent(kind: str) -> Image.Image:
    grey = Image.fromarray(np.full((8, 8), 200, np.uint8))
    if kind == "palette":
        image = grey.convert("P")
        image.info["transparency"] = image.getpixel((0, 0))
        return image
    grey.putalpha(Image.fromarray(np.zeros((8, 8), np.uint8)))
    return grey if kind == "LA" else grey.convert("RGBA")


@pytest.mark.parametrize("kind", ["palette", "LA", "RGBA"])
def test_what_is_transparent_is_black_for_both(tmp_path, kind):
    image = _transparent(kind)
    more = {"transparency": image.info["transparency"]} if kind == "palette" else {}
    path = saved(tmp_path / "a.png", image, **more)
    assert (read_grey(path) == 0).all()
    assert (read_image(path, 8).image == 0).all()
    assert "constant: every pixel is 0" in decode(path).oddity


def _pages(path: Path, end: str) -> Path:
    first, *others = (Image.fromarray(np.roll(HEAD, shift)) for shift in (0, 3))
    first.save(path, format=end, save_all=True, append_images=others)
    return path


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: _pages(path, "PNG"), "holds 2 frames or pages, expected one image"),
        (lambda path: png(path, RNG.integers(0, 9, (4, 24)).astype("u1"), 16, 2), "colours or transparency of 16 bits"),
        (lambda path: png(path, RNG.integers(0, 9, (4, 16)).astype("u1"), 16, 4), "colours or transparency of 16 bits"),
        (lambda path: png(path, RNG.integers(0, 9, (4, 32)).astype("u1"), 16, 6), "colours or transparency of 16 bits"),
    ],
)
def test_what_would_lose_values_is_refused_by_both(tmp_path, write, says):
    path = write(tmp_path / "a.png")
    with pytest.raises(ValueError, match=rf"a\.png cannot be used: it .*{says}"):
        read_image(path, 8)
    assert says in decode(path).fault
    assert "copy it again" not in decode(path).fault


@pytest.mark.parametrize("end", ["TIFF", "GIF"])
def test_pages_of_other_formats_are_refused_by_an_audit(tmp_path, end):
    assert "holds 2 frames or pages" in decode(_pages(tmp_path / f"a.{end.lower()}", end)).fault


def test_a_tiff_in_which_0_is_white_is_turned_or_refused(tmp_path):
    path = saved(tmp_path / "a.tif", TWELVE, tiffinfo={262: 0})
    with pytest.raises(UnfitImageError, match="0 is white in it"):
        read_grey(path)


@pytest.mark.parametrize("white", [0, 250])
def test_the_rest_of_a_square_continues_the_background(tmp_path, white):
    values = np.full((30, 60), white, np.uint8)
    values[8:22, 10:50] = 120
    image = read_image(saved(tmp_path / "a.png", values), 60).image[0]
    assert (image[:15] == white).all()
    np.testing.assert_array_equal(image[15:45], values)
