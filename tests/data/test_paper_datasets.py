"""The data sets of the six tasks: what is taken for a sample, a group, a class, an age; and what is refused."""

from __future__ import annotations

from pathlib import Path

import bids_trees
import numpy as np
import pytest

from bench import registry
from bench.core import BenchError, Dataset
from bench.data.prepare import prepare
from bench.data.prepare.sample_list import list_samples
from bench.data.readers.bids import scans as bids_scans
from bench.datasets.roi_ixi import LABELS, STRUCTURES

CUBE = np.diag([2.0, 2.0, 2.0, 1.0])
KIND = "MR_Spatially_Normalized,_Masked_and_N3_corrected_T1_image_Br_20100101"


def samples(name: str, root: Path, **params):
    return registry.make("datasets", name, params).samples(root)


def notes(name: str, root: Path, **params) -> list[str]:
    return registry.make("datasets", name, params).notes(root)


def left_out(name: str, root: Path, **params) -> dict[str, list[str]]:
    """Reason -> names, of scans and rows that the readers of a data set leave out."""
    _, log = list_samples(registry.make("datasets", name, params), name, root)
    reasons: dict[str, list[str]] = {}
    for reason, each in log.omitted:
        reasons.setdefault(reason, []).append(each)
    return reasons


def csv(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def adni(root: Path, *rows: tuple) -> Path:
    """rows: image, subject, group, visit, value of the voxels."""
    lines = ['"Image Data ID","Subject","Group","Sex","Age","Visit"']
    for image, subject, group, visit, value in rows:
        folder = root / "ADNI" / subject / "Spatially" / f"I{image}"
        path = folder / f"ADNI_{subject}_{KIND}_S1_I{image}.nii.gz"
        bids_trees.write_scan(path, bids_trees.volume((110, 110, 110), value=value), CUBE)
        lines.append(f'"I{image}","{subject}","{group}","F","71","{visit}"')
    csv(root / "search.csv", *lines)
    return root


def test_scans_of_one_visit_are_averaged_and_those_of_another_stay_apart(tmp_path):
    root = adni(
        tmp_path / "set",
        (11, "002_S_0001", "CN", "m06", 100),
        (12, "002_S_0001", "CN", "m06", 111),
        (13, "002_S_0001", "AD", "m36", 50),
        (14, "003_S_0002", "MCI", "bl", 60),
        (15, "003_S_0003", "AD", "bl", 70),
    )
    found = samples("ad_adni", root)
    assert [(s.id, s.group, s.target) for s in found] == [
        ("002_S_0001_m06", "002_S_0001", 0.0),
        ("002_S_0001_m36", "002_S_0001", 1.0),
        ("003_S_0003_bl", "003_S_0003", 1.0),
    ]
    assert (found[0].covariates["scans"], found[0].covariates["age"], len(found[0].files)) == (2, 71.0, 2)
    assert found[0].read().image[0, 5, 5, 5] == 105.5
    assert notes("ad_adni", root) == ["1 scans are averaged with others of the same visit"]
    assert left_out("ad_adni", root) == {"scans of the group MCI": [f"ADNI_003_S_0002_{KIND}_S1_I14.nii.gz"]}
    assert prepare("ad_adni", source=root).images().shape == (3, 1, 110, 110, 110)


def _another_subject(root: Path) -> None:
    text = (root / "search.csv").read_text()
    (root / "search.csv").write_text(text.replace("002_S_0001", "009_S_0009"))


def _no_row(root: Path) -> None:
    text = (root / "search.csv").read_text()
    (root / "search.csv").write_text(text.replace("I11", "I99"))


def _no_search(root: Path) -> None:
    (root / "search.csv").unlink()


def _no_age(root: Path) -> None:
    text = (root / "search.csv").read_text()
    (root / "search.csv").write_text(text.replace('"71"', '"-1"'))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_another_subject, r"search\.csv, row 2: image I11 is of 009_S_0009, but its file name says 002_S_0001"),
        (_no_row, r"I11\.nii\.gz: image I11 is not in the \.csv of the search"),
        (_no_search, r"no \.csv with a column Image Data ID"),
        (_no_age, r"search\.csv, row 2: 002_S_0001_bl: Age is -1, an impossible age"),
    ],
)
def test_a_search_table_without_rows_for_the_scans_is_refused(tmp_path, spoil, says):
    spoil(adni(tmp_path, (11, "002_S_0001", "CN", "bl", 100)))
    with pytest.raises(BenchError, match=says):
        samples("ad_adni", tmp_path)


def ixi(root: Path, *rows: str, head: str = 'IXI_ID,"SEX_ID (1=m, 2=f)",AGE,DOB') -> Path:
    for number, site in ((12, "HH"), (13, "Guys"), (14, "IOP")):
        path = root / "IXI-T1" / f"IXI{number:03d}-{site}-1211-T1.nii.gz"
        bids_trees.write_scan(path, bids_trees.volume((40, 50, 60), value=100 + number), np.diag([4.0, 4.0, 4.0, 1.0]))
    csv(root / "IXI.csv", head, *rows)
    return root


def test_the_name_says_the_hospital_and_those_without_an_age_are_counted(tmp_path):
    root = ixi(tmp_path, "12,1,35.8,1970", "13,2,,1950", "12,1,35.8,1970")
    (found,) = samples("age_ixi", root)
    assert (found.id, found.site, found.target, found.stratum) == ("IXI012", "HH", 35.8, "30 to 39")
    assert found.covariates == {"age": 35.8, "sex": "M"}
    assert found.read().image.shape == (1, 90, 120, 120)
    assert left_out("age_ixi", root) == {
        "scans without an age": ["IXI-T1/IXI013-Guys-1211-T1.nii.gz"],
        "scans without a row in the table": ["IXI-T1/IXI014-IOP-1211-T1.nii.gz"],
    }


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["12,1,30,1970", "13,2,-1,1950"], r"IXI\.csv, row 3: IXI013: AGE is -1, an impossible age"),
        (["12,1,999,1970"], r"IXI\.csv, row 2: IXI012: AGE is 999"),
        (["12,1,old,1970"], r"IXI\.csv, row 2: IXI012: AGE is not a number: 'old'"),
        (["12,3,30,1970"], r"row 2: IXI012: SEX_ID .* is '3'; write 1 or M"),
        (["x,1,30,1970"], r"row 2: 'x' is not an IXI number"),
        (["12,1,30,1970", "12,1,31,1970"], r"row 2 and .*row 3 both describe IXI012, but differ"),
    ],
)
def test_an_age_that_cannot_be_is_named_with_file_and_row(tmp_path, rows, says):
    with pytest.raises(BenchError, match=says):
        samples("age_ixi", ixi(tmp_path, *rows))


def test_a_table_of_another_kind_is_refused_with_a_remedy(tmp_path):
    root = ixi(tmp_path, "12;1;30;1970", head="IXI_ID;SEX_ID;AGE;DOB")
    with pytest.raises(BenchError, match="is separated by semicolons, not by commas; save it as comma-separated text"):
        samples("age_ixi", root)
    (root / "IXI.csv").rename(root / "IXI.xls")
    with pytest.raises(BenchError, match=r"save IXI\.xls as comma-separated text, IXI\.csv"):
        samples("age_ixi", root)


def openbhb(root: Path, *rows: tuple, end: str = "_preproc-quasiraw_T1w.npy", shape=(1, 1, 182, 218, 182)) -> Path:
    names = ("participant_id", "sex", "age", "site", "study", "split")
    bids_trees.write_table(root / "participants.tsv", [dict(zip(names, row, strict=True)) for row in rows])
    for row in rows:
        path = root / "train" / f"sub-{row[0]}{end}"
        path.parent.mkdir(parents=True, exist_ok=True)
        array = np.zeros(shape, np.float32)
        array[..., 30:90, 30:90, 30:90] = 5.0
        np.save(path, array)
    return root


def test_openbhb_has_site_age_and_part(tmp_path):
    row = (
        ("111", "female", 30.5, 7, 2, "train"),
        ("222", "male", 61, 9, 3, "external_test"),
        ("333", "male", "n/a", 9, 3, "train"),
    )
    root = openbhb(tmp_path, *row)
    found = samples("age_openbhb", root)
    assert [(s.id, s.target, s.site, s.part) for s in found] == [
        ("sub-111", 30.5, "7", "train"),
        ("sub-222", 61.0, "9", "test"),
    ]
    assert found[0].covariates == {"age": 30.5, "sex": "female", "study": "2", "site": "7"}
    assert found[0].read().image.shape == registry.make("datasets", "age_openbhb").shape == (1, 91, 109, 91)
    assert left_out("age_openbhb", root) == {"scans without an age": ["train/sub-333_preproc-quasiraw_T1w.npy"]}


def test_openbhb_grey_matter_keeps_its_grid_at_its_own_spacing(tmp_path):
    end, shape = "_preproc-cat12vbm_desc-gm_T1w.npy", (1, 1, 121, 145, 121)
    root = openbhb(tmp_path, ("111", "female", 30.5, 7, 2, "train"), end=end, shape=shape)
    (found,) = samples("age_openbhb", root, form="vbm", mm=1.5)
    assert found.read().image.shape == (1, 121, 145, 121)
    with pytest.raises(BenchError, match=r"no file sub-\*_preproc-quasiraw"):
        samples("age_openbhb", root)


def _pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def _other(path: Path) -> None:
    np.save(path, np.zeros((5, 5, 5), np.float32))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_pickled, "not a complete NumPy array"),
        (_cut, "not a complete NumPy array"),
        (_other, r"expected numbers of \(1, 1, 182"),
    ],
)
def test_an_invalid_array_is_reported(tmp_path, spoil, says):
    (found,) = samples("age_openbhb", openbhb(tmp_path, ("111", "female", 30.5, 7, 2, "train")))
    spoil(found.files[0])
    with pytest.raises(ValueError, match=says):
        found.read()


def test_ages_that_stand_for_unknown_are_refused_in_openbhb(tmp_path):
    root = openbhb(tmp_path, ("111", "female", 999, 7, 2, "train"))
    with pytest.raises(BenchError, match=r"participants\.tsv, row 2: 111: age is 999, an impossible age"):
        samples("age_openbhb", root)


def test_tables_of_tabs_are_read_as_before(tmp_path):
    root = bids_trees.oasis(tmp_path, 1)
    assert bids_scans(root, ("age",), "a BIDS tree")[0].number("age") == 70.0


def test_no_region_is_in_two_structures():
    numbers = [number for found in STRUCTURES.values() for number in found]
    assert len(numbers) == len(set(numbers)) == 143
    assert set(LABELS.values()) == set(range(9))


def test_the_ten_real_heads_have_ages_and_structures_of_the_published_volumes(scans):
    root = scans / "ixi10"
    ages = [sample.target for sample in samples("age_ixi", root)]
    assert (len(ages), min(ages), max(ages)) == (10, 23.35, 50.65)
    found = samples("roi_ixi", root)
    assert len({sample.group for sample in found}) == 10
    first, *rows = (line.split(",") for line in (root / "dlmuse" / "IXI_dlmuse.csv").read_text().splitlines())
    values = dict(zip(first, rows[0], strict=True))
    scan = found[0].read()
    sizes = np.bincount(scan.mask.ravel()) * 8.0  # cubic millimetres
    published = {"ventricles": "509", "basal ganglia": "401", "cerebellum": "502", "thalamus": "402"}
    for name, column in published.items():
        assert sizes[1 + list(STRUCTURES).index(name)] == float(values[column]), name


def test_coarse_voxels_keep_the_volumes_of_structures(scans):
    """roi_ixi at 4 mm: an eighth of the voxels; structures of some size keep their published volume to a tenth."""
    root = scans / "ixi10"
    scan = registry.make("datasets", "roi_ixi", {"mm": 4.0}).samples(root)[0].read()
    assert scan.mask.shape == (45, 60, 60)
    first, *rows = (line.split(",") for line in (root / "dlmuse" / "IXI_dlmuse.csv").read_text().splitlines())
    published = float(dict(zip(first, rows[0], strict=True))["502"])  # cerebellum
    sizes = np.bincount(scan.mask.ravel()) * 64.0  # cubic millimetres
    assert sizes[1 + list(STRUCTURES).index("cerebellum")] == pytest.approx(published, rel=0.1)
    with pytest.raises(BenchError, match="mm must be between 2 and 12, not 1"):
        registry.make("datasets", "roi_ixi", {"mm": 1.0})


@pytest.mark.parametrize("name", ["age_ixi", "age_openbhb", "artery_cas", "roi_ixi", "ad_mri2d", "bt_ct", "bt_mri"])
def test_resampled_sets_say_so(name):
    assert registry.member("datasets", name).resampling != Dataset.resampling
