"""What preparation takes from a folder is what audits and galleries show, and every other file is named.

The cases are the same on every run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bids_trees
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_every_reader import IMAGES, VOLUMES

from bench import registry
from bench.data.audit import findings, from_folder, from_prepared
from bench.data.prepare import prepare
from bench.data.prepare.accounting import saved_names
from bench.data.prepared import Prepared
from bench.report.figures.view_gallery import rows_to_draw

FIXED = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
SMALL = np.diag([10.0, 10.0, 10.0, 1.0])
CLINIC = '''
from dataclasses import dataclass

from bench.core import Dataset, Task
from bench.data.readers.bids import scans


@dataclass(frozen=True)
class Clinic(Dataset):
    """A clinic."""

    title = source = licence = citation = layout = "clinic"
    task = Task("classification", "auc", ("control", "patient"))
    shape, spacing = (1, 4, 5, 6), (10.0, 10.0, 10.0)

    def samples(self, root):
        rows = scans(root, ("group",), self.layout)
        labelled = [(row, row.label("group", self.task.classes, ("n/a", "MCI"))) for row in rows]
        return [row.sample(label, row.text("group")) for row, label in labelled if label is not None]


DATASET = Clinic
'''
HIDDEN = (".sub-9_T1w.nii.gz", "._sub-9_T1w.nii.gz", ".DS_Store", "Thumbs.db")
OTHERS = ("notes.txt", "sub-9_T2w.nii.gz", "other_T1w.nii.gz")


@dataclass(frozen=True)
class Person:
    """A person of a tree. label: None without a row; runs: the runs of each session, one session without a folder."""

    label: str | None
    runs: tuple[int, ...]
    sessions: bool
    broken: bool
    extra: tuple[str, ...]

    @property
    def is_read(self) -> bool:
        return self.label in ("control", "patient")


PEOPLE = st.lists(
    st.builds(
        Person,
        st.sampled_from(["control", "patient", "control", "patient", "n/a", "MCI", None]),
        st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple),
        st.booleans(),
        st.integers(0, 5).map(lambda number: number == 5),
        st.lists(st.sampled_from(HIDDEN + OTHERS), max_size=2, unique=True).map(tuple),
    ),
    max_size=6,
)
BOTH = (Person("control", (1,), False, False, ()), Person("patient", (1, 2), True, False, ()))


def write(root: Path, people: list[Person]) -> set[str]:
    """Lay out the tree; returns the ids of the scans that can be prepared."""
    rows, ids = [], set()
    for at, person in enumerate(people):
        name = f"sub-{at}"
        if person.label is not None:
            rows.append({"participant_id": name, "group": person.label})
        runs = person.runs if person.sessions else person.runs[:1]
        for session, count in enumerate(runs):
            stem = f"{name}_ses-{session}" if person.sessions else name
            folder = root / name / (f"ses-{session}" if person.sessions else "") / "anat"
            folder.mkdir(parents=True)
            for run in range(count):
                voxels = np.random.default_rng((at, session, run)).integers(0, 255, (4, 5, 6)).astype(np.uint8)
                path = bids_trees.write_scan(folder / f"{stem}_run-{run}_T1w.nii.gz", voxels, SMALL)
                if person.broken and run == 0:
                    path.write_bytes(b"broken")
            for extra in person.extra:
                (folder / extra).write_bytes(b"\0")
            if count and person.is_read and not person.broken:
                ids.add(stem)
    bids_trees.write_table(root / "participants.tsv", rows)
    return ids


def files_below(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


def require_all_named(made: Prepared, root: Path) -> None:
    """Every file is read, a table, or named once as left out."""
    counts = made.manifest["accounting"]
    names = [
        name
        for kind in ("scans", "other files")
        for some in saved_names(made.folder).get(kind, {}).values()
        for name in some
    ]
    assert counts["files"] == len(files_below(root)) == counts["read"] + counts["tables"] + len(names)
    assert len(set(names)) == len(names)


def require_same_scans(made: Prepared) -> None:
    """An audit and a gallery show the prepared scans."""
    report = findings(from_prepared(made), 0.98)
    assert report["images"] == len(made.ids) == made.manifest["found"]["samples"] == len(made.images())
    assert sum(row["images"] for row in report["counts"]) == len(made.ids)
    assert len(report["broken"]) == len(made.manifest["broken"])
    shown = rows_to_draw(made, len(made.ids))
    assert {made.groups[row] for row in shown} == set(made.groups)


@pytest.fixture
def clinic(tmp_path, monkeypatch) -> None:
    """The data set `clinic` is in the registry."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "clinic.py").write_text(CLINIC)
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "own"))
    registry.clear_cache()
    yield
    registry.clear_cache()


@pytest.mark.parametrize("number", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_every_file_of_a_bids_tree_is_prepared_or_named(clinic, number):
    left_out = []

    @settings(max_examples=number, **FIXED)
    @given(PEOPLE)
    def each(more: list[Person]) -> None:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            ids = write(root, [*BOTH, *more])
            made = prepare("clinic", source=root, workers=1, skip_broken=True)
            assert set(made.ids) == ids
            require_all_named(made, root)
            require_same_scans(made)
            left_out.append(made.manifest["accounting"]["left_out"].get("scans", {}))

    each()
    assert len({reason for reasons in left_out for reason in reasons}) >= 3


SETS: dict[str, Callable[[Path], Any]] = {**VOLUMES, **IMAGES}


@pytest.mark.parametrize("name", SETS)
def test_audit_and_gallery_show_what_preparation_wrote_of_every_set(tmp_path, name):
    there = SETS[name](tmp_path / "set")
    made = prepare(name, there.params, source=there.root, workers=1)
    require_all_named(made, there.root)
    require_same_scans(made)
    if name in IMAGES:
        assert len(from_folder(there.root, "set", threads=1)) == len(made.ids)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder"),
    [("age_ixi", "ixi10"), ("roi_ixi", "ixi10"), ("ad_mri2d", "alz4"), ("bt_mri", "bt4_nickparvar")],
)
def test_audit_and_gallery_show_what_preparation_wrote_of_real_scans(scans, name, folder):
    made = prepare(name, source=scans / folder, skip_broken=True)
    require_all_named(made, scans / folder)
    require_same_scans(made)
