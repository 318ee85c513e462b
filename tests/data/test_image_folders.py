"""Class folders of images and their sets of slices: which files are listed, read and refused."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import registry
from bench.core import BenchError, RunAbortedError
from bench.data.prepare import prepare
from bench.data.readers.images import Folders, list_images, read_image

FOLDERS = Folders({"healthy": ("healthy", "notumor"), "tumor": ("tumor",)}, ("pituitary",))
LAYOUT = "folders of images"


def samples(name: str, root: Path, **params):
    return registry.make("datasets", name, params).samples(root)


def slope(wide: int = 40, high: int = 40) -> np.ndarray:
    """Grey values that grow from left to right."""
    return np.broadcast_to(np.linspace(10, 240, wide), (high, wide)).astype(np.uint8)


def write(path: Path, image: np.ndarray | Image.Image | None = None, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = slope() if image is None else image
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **more)
    return path


def tumours(root: Path, each: int = 2) -> Path:
    """A small set of different CT slices."""
    for at, label in enumerate(("Healthy", "Tumor")):
        for number in range(each):
            write(root / label / f"ct ({number}).jpg", np.roll(slope(), 7 * number + 3 * at, 1))
    return root


def test_folders_are_recognised_in_any_spelling_and_define_the_part(tmp_path):
    for folder in ("Training/No_Tumor", "Training/tumor", "Testing/TUMOR"):
        write(tmp_path / "a b" / folder / "x 1.jpg")
    found = list_images(tmp_path, FOLDERS, LAYOUT)
    assert [each.id for each in found] == ["test/tumor/x 1", "train/healthy/x 1", "train/tumor/x 1"]
    assert [each.part for each in found] == ["test", "train", "train"]


def test_known_unrequested_folders_hidden_and_other_files_are_ignored(tmp_path):
    tumours(tmp_path, 1)
    write(tmp_path / "Pituitary" / "p.jpg")
    write(tmp_path / "Healthy" / "._x.jpg")
    (tmp_path / "Healthy" / "Thumbs.db").write_bytes(b"x")
    assert len(list_images(tmp_path, FOLDERS, LAYOUT)) == 2


def test_names_with_spaces_and_letters_of_any_kind_work(tmp_path):
    root = tmp_path / "Köpfe 頭"
    path = write(root / "healthy" / "schädel №1 頭.png")
    write(root / "tumor" / "b.jpeg")
    assert list_images(root, FOLDERS, LAYOUT)[0].id == "healthy/schädel №1 頭"
    assert read_image(path, 40).image.shape == (1, 40, 40)


def _misspelt(root: Path) -> None:
    (root / "Tumor").rename(root / "Tumro")


def _empty(root: Path) -> None:
    for path in (root / "Tumor").iterdir():
        path.unlink()


def _absent(root: Path) -> None:
    _empty(root)
    (root / "Tumor").rmdir()


def _stranger(root: Path) -> None:
    write(root / "Haemorrhage" / "a.jpg")


def _twice(root: Path) -> None:
    write(root / "Tumor" / "ct (0).png")


def _copied(root: Path) -> None:
    tumours(root / "copy", 1)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_misspelt, "folder Tumro .* has images, but is not a class; did you mean 'tumor'"),
        (_empty, "no JPEG or PNG file in Tumor of"),
        (_absent, "no folder of the class tumor under .*; found: Healthy; expected: folders of images"),
        (_stranger, "folder Haemorrhage .* is not a class; there are: healthy, tumor"),
        (_twice, r"two files have the id tumor/ct \(0\): Tumor/ct \(0\)\.\w+ and Tumor/ct \(0\)\.\w+"),
        (_copied, r"two files have the id healthy/ct \(0\): .*keep one, or rename one"),
    ],
)
def test_folders_that_are_not_as_expected_are_named_with_a_remedy(tmp_path, spoil, says):
    spoil(tumours(tmp_path))
    with pytest.raises(BenchError, match=says):
        list_images(tmp_path, FOLDERS, LAYOUT)


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(BenchError, match=r"no folder .*nowhere; expected: folders"):
        list_images(tmp_path / "nowhere", FOLDERS, LAYOUT)


def _as(mode: str) -> Image.Image:
    grey = Image.fromarray(slope())
    if mode == "I;16":
        return Image.fromarray(slope().astype(np.uint16) * 257)
    if mode == "P":
        palette = grey.convert("P")
        palette.putpalette([value for index in range(256) for value in (255 - index,) * 3])
        return palette.point(list(range(255, -1, -1)))  # an index stands for its opposite
    return grey.convert("RGB").convert(mode) if mode == "CMYK" else grey.convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "I;16", "CMYK"])
def test_every_kind_of_image_becomes_the_same_grey(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    write(path, _as(mode), **({"quality": 100} if mode == "CMYK" else {}))
    scan = read_image(path, 40)
    assert (scan.image.dtype, scan.spacing) == (np.float32 if mode == "I;16" else np.uint8, (1.0, 1.0))
    assert np.abs(scan.image[0].astype(float) - slope()).max() <= (4 if mode == "CMYK" else 1)


def test_one_bit_is_black_and_white_and_what_is_transparent_is_black(tmp_path):
    assert set(np.unique(read_image(write(tmp_path / "a.png", slope() > 100), 40).image)) == {0, 255}
    pixels = np.full((40, 40, 4), 200, np.uint8)
    pixels[:, :20, 3] = 0
    image = read_image(write(tmp_path / "b.png", pixels), 40).image
    assert (image[0, :, :20] == 0).all()
    assert 150 < image[0, 0, 30] < 170  # 200 x 200 / 255


@pytest.mark.parametrize(("wide", "high"), [(80, 40), (40, 80), (20, 10), (1000, 500)])
def test_sides_keep_their_proportion_and_the_rest_is_black(tmp_path, wide, high):
    image = read_image(write(tmp_path / "a.jpg", np.full((high, wide), 100, np.uint8)), 40).image[0]
    filled = np.argwhere(image > 50)
    spans = filled.max(0) - filled.min(0) + 1
    assert tuple(spans) == ((20, 40) if wide > high else (40, 20))
    assert filled.min(0).tolist() == ([10, 0] if wide > high else [0, 10])


def test_shrinking_leaves_no_aliases(tmp_path):
    board = np.indices((512, 512)).sum(0) % 2 * 255
    image = read_image(write(tmp_path / "a.png", board.astype(np.uint8)), 64).image
    assert np.abs(image.astype(int) - 127).max() < 6


def _header(wide: int, high: int) -> bytes:
    """The beginning of a PNG file that promises so many pixels, and nothing more."""
    body = b"IHDR" + struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\0\0IDAT"


def _cut(path: Path) -> bytes:
    return write(path, np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).read_bytes()[:-900]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cut.jpg", _cut, r"cut\.jpg is not a complete image: image file is truncated"),
        ("cut.png", _cut, r"cut\.png is not a complete image"),
        ("empty.jpg", b"", r"empty\.jpg is not a complete image: it is empty \(0 bytes\)"),
        ("text.jpg", b"<html>not found</html>", r"text\.jpg is not a JPEG or PNG image despite its name"),
        ("gif.png", b"GIF89a\x01\0\x01\0\0\0\0;", r"gif\.png is not a JPEG or PNG image"),
        ("zero.png", _header(0, 5), r"zero\.png is no"),
        (
            "vast.png",
            _header(9000, 9000),
            r"vast\.png (states more pixels|cannot be used: it states 9000 x 9000)",
        ),
        ("bomb.png", _header(60000, 60000), r"bomb\.png states more pixels"),
    ],
)
def test_a_broken_image_is_named_with_what_is_wrong(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content(path) if callable(content) else content)
    with pytest.raises(ValueError, match=says) as caught:
        read_image(path, 32)
    assert str(tmp_path) not in str(caught.value)


def test_broken_images_stop_a_preparation_by_name_or_are_left_out(tmp_path):
    root = tumours(tmp_path / "set", 3)
    (root / "Tumor" / "ct (1).jpg").write_bytes(b"no image")
    outside = write(tmp_path / "elsewhere.jpg", np.roll(slope(), 19, 1))
    (root / "Healthy" / "link.jpg").symlink_to(outside)
    with pytest.raises(RunAbortedError, match="2 of 7 scans of bt_ct cannot be used") as caught:
        prepare("bt_ct", source=root)
    assert "link.jpg links to a file outside the data folder" in str(caught.value)
    assert "is not a JPEG or PNG image despite its name" in str(caught.value)
    there = prepare("bt_ct", source=root, skip_broken=True)
    assert [each["id"] for each in there.manifest["broken"]] == ["healthy/link", "tumor/ct (1)"]
    assert there.images().shape == (5, 1, 224, 224)
    assert there.images().dtype == np.uint8


def pictures(root: Path, *names: str) -> Path:
    for at, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(np.arange(900, dtype=np.uint8).reshape(30, 30), at)).save(path)
    return root


STAGES = ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")


@pytest.mark.parametrize(
    "spelt", [STAGES, ("Non_Demented", "Very_Mild_Demented", "mild demented", "Moderate-Demented")]
)
def test_stages_are_four_or_three_and_the_publishers_part_is_saved(tmp_path, spelt):
    root = pictures(tmp_path, *(f"{part}/{stage}/26 (1).jpg" for part in ("train", "test") for stage in spelt))
    found = samples("ad_mri2d", root)
    assert Counter(s.stratum for s in found) == dict.fromkeys(STAGES, 2)
    assert Counter(s.part for s in found) == {"train": 4, "test": 4}
    assert len({s.group for s in found}) == 8
    three = samples("ad_mri2d", root, stages=3)
    assert [s.stratum for s in three if s.target == 1.0] == ["MildDemented"] * 2
    assert registry.make("datasets", "ad_mri2d", {"stages": 3}).task.outputs == 3


def test_the_two_forms_stay_separate_and_copies_stay_with_their_original_if_names_state_it(tmp_path):
    original = [f"OriginalDataset/{stage}/a.jpg" for stage in STAGES]
    copies = [f"AugmentedAlzheimerDataset/{stage}/{name}.jpg" for stage in STAGES for name in ("a", "a_aug1", "0f-77")]
    root = pictures(tmp_path, *original, *copies)
    assert len(samples("ad_mri2d", root)) == 4
    found = samples("ad_mri2d", root, form="augmented")
    assert (len(found), len({s.group for s in found})) == (12, 8)
    assert {s.group for s in found if "aug1" in s.id} == {f"{stage}/a" for stage in STAGES}
    texts = registry.make("datasets", "ad_mri2d", {"form": "augmented"}).notes(root)
    assert "grouped by their pixels alone" in texts[0]
    with pytest.raises(BenchError, match="is not the original form"):
        samples("ad_mri2d", root / "AugmentedAlzheimerDataset")


def test_a_split_table_defines_the_parts_and_must_agree_with_the_folders(tmp_path):
    root = pictures(tmp_path, *(f"Dataset/{stage}/a.jpg" for stage in STAGES))
    rows = [f"Dataset/{stage}/a.jpg,{stage},{'test' if stage == STAGES[0] else 'train'}" for stage in STAGES]
    table = root / "official_split.csv"
    table.write_text("\n".join(["path,label,split", *rows]))
    assert {s.stratum: s.part for s in samples("ad_mri2d", root)}["NonDemented"] == "test"
    table.write_text("path,label,split\n" + rows[0].replace("test", "dev"))
    with pytest.raises(BenchError, match=r"row 2: split is 'dev'; expected: train or test"):
        samples("ad_mri2d", root)
    table.write_text("path,label,split\n" + rows[0].replace(",NonDemented", ",MildDemented"))
    with pytest.raises(BenchError, match=r"row 2: label is 'MildDemented', but the image is in the folder NonDem"):
        samples("ad_mri2d", root)


def test_tumours_are_three_classes_or_four_and_those_of_the_authors_are_not_read(tmp_path):
    mri = [f"MRI/Training/{name}/a.jpg" for name in ("glioma", "no_tumor", "meningioma", "pituitary")]
    root = pictures(tmp_path / "a", *mri)
    assert [s.stratum for s in samples("bt_mri", root)] == ["glioma", "healthy", "meningioma"]
    four = samples("bt_mri", root, pituitary=True)
    assert (four[-1].stratum, four[-1].target, four[-1].part) == ("pituitary", 3.0, "train")
    ct = [f"Brain Tumor CT scan Images/{name}/a.jpg" for name in ("Healthy", "Tumor", "TumorBig")]
    root = pictures(tmp_path / "b", *ct, "Brain Tumor MRI images/Healthy/m.jpg", "Brain Tumor MRI images/Tumor/m.jpg")
    assert [s.id for s in samples("bt_ct", root)] == ["healthy/a", "tumor/a"]


def test_the_real_stages_and_tumours_are_all_there(scans):
    found = samples("ad_mri2d", scans / "alz4")
    assert Counter(s.stratum for s in found) == dict(zip(STAGES, (3200, 2240, 896, 64), strict=True))
    assert Counter(s.part for s in found) == {"train": 5121, "test": 1279}
    four = samples("bt_mri", scans / "bt4_nickparvar", pituitary=True)
    assert Counter(s.stratum for s in four) == {"glioma": 1621, "healthy": 1996, "meningioma": 1645, "pituitary": 1757}
    assert Counter(s.part for s in four) == {"train": 5708, "test": 1311}
    assert len(samples("bt_mri", scans / "bt4_nickparvar")) == 5262
    assert [s.read().image.shape for s in (found[0], four[0])] == [(1, 128, 128), (1, 224, 224)]
