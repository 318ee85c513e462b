"""Tables, splits and weights that cannot be used: each is refused in words that say where, what and what to do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import bids_trees
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench import registry
from bench.core import BenchError, Split, Task
from bench.data.readers.bids import Row, scans
from bench.data.splits import fold
from bench.registry import make

HEADER = "participant_id\tsession_id\tage\n"
ONE = "sub-1\tses-1\t60\n"


def rows(root: Path, sessions: str | bytes, people: str = "", columns: tuple[str, ...] = ("age",)) -> list[Row]:
    """The rows of a tree with these tables."""
    (root / "sub-1").mkdir(exist_ok=True)
    (root / "sessions.tsv").write_bytes(sessions if isinstance(sessions, bytes) else sessions.encode())
    if people:
        (root / "participants.tsv").write_text(people)
    return scans(root, columns, "a BIDS tree")


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + ONE).encode("utf-8-sig"),
        (HEADER + ONE).replace("\n", "\r\n").encode(),
        (HEADER + ONE).replace("\n", "\r").encode(),
        (HEADER + "\n\t\t\n" + ONE).encode(),
        b'"participant_id"\t"session_id"\t" age"\n"sub-1"\tses-1\t 60\n',
        HEADER.encode() + b"1\t1\t6e1",
    ],
    ids=["byte-order mark", "Windows", "old Mac", "blank rows", "quotes and spaces", "bare labels"],
)
def test_tables_as_other_programs_write_them_are_read(tmp_path, content):
    (row,) = rows(tmp_path, content)
    assert (row.id, row.number("age")) == ("sub-1_ses-1", 60.0)


TABLES = {
    "no column": ("participant_id\tsession_id\nsub-1\tses-1\n", "no column age; found: participant_id, session_id"),
    "commas": ((HEADER + ONE).replace("\t", ","), "sessions.tsv is separated by commas, not by tabs; save it as tab"),
    "semicolons": ((HEADER + ONE).replace("\t", ";"), "separated by semicolons, not by tabs"),
    "UTF-16": (
        (HEADER + ONE).encode("utf-16"),
        "sessions.tsv is encoded in UTF-16; save it as tab-separated text in UTF-8",
    ),
    "UTF-16 without mark": ((HEADER + ONE).encode("utf-16-le"), "sessions.tsv, row 1 has a NUL byte"),
    "NUL": (HEADER + ONE + "sub-2\t\0\t5\n", "sessions.tsv, row 3 has a NUL byte"),
    "Latin-1": (
        (HEADER + "sub-1\tses-1\té\n").encode("latin-1"),
        "row 2 is not UTF-8; save the table as tab-separated text in UTF-8",
    ),
    "few cells": (HEADER + ONE + "sub-2\tses-1\n", "sessions.tsv, row 3: 2 cells, but 3 columns"),
    "many cells": (HEADER + "sub-1\tses-1\t60\t61\n", "row 2: 4 cells, but 3 columns"),
    "open quote": (HEADER + 'sub-1\tses-1\t"60\n' + ONE, "close every quote"),
    "huge cell": (HEADER + "sub-1\tses-1\t" + "6" * 200_000 + "\n", "row 2: field larger than field limit"),
    "empty": ("", "sessions.tsv is empty"),
    "blank": ("\n \n", "sessions.tsv is empty"),
    "nameless": ("participant_id\tage\t\nsub-1\t60\t\n", "column 3 has no name"),
    "twice a column": ("participant_id\tage\tage\nsub-1\t60\t61\n", "several columns 'age'"),
    "nobody": (HEADER + "n/a\tses-1\t60\n", "row 2: no participant_id; every row needs one such as sub-01"),
    "a path": (HEADER + "sub-1/..\tses-1\t60\n", "row 2: participant_id 'sub-1/..' is not a BIDS label"),
    "a long name": (HEADER + f"sub-{'1' * 300}\tses-1\t60\n", "is not a BIDS label"),
    "twice the same": (
        HEADER + ONE + "1\tses-1\t60\n",
        "row 2 and .*sessions.tsv, row 3 both describe sub-1 ses-1.*participant_id",
    ),
    "a repeat": (HEADER + ONE + ONE, "row 2 and .*row 3 both describe sub-1 ses-1 and are equal; remove one"),
    "a conflict": (
        HEADER + ONE + "sub-1\tses-1\t61\n",
        "both describe sub-1 ses-1, but age is '60' and '61'; keep the right",
    ),
}


@pytest.mark.parametrize("fault", TABLES)
def test_a_table_that_cannot_be_read_is_refused_with_its_place(tmp_path, fault):
    content, says = TABLES[fault]
    with pytest.raises(BenchError, match=says):
        rows(tmp_path, content)


def test_a_session_of_an_unlisted_person_is_named(tmp_path):
    with pytest.raises(BenchError, match=r"sessions\.tsv, row 3: sub-7 is not in participants\.tsv; add it"):
        rows(tmp_path, HEADER + ONE + "sub-7\tses-1\t60\n", "participant_id\tsex\nsub-1\tF\n")


def test_a_person_listed_twice_is_refused_with_both_values(tmp_path):
    with pytest.raises(BenchError, match=r"participants\.tsv, row 3 both describe sub-1, but sex is 'F' and 'M'"):
        rows(tmp_path, HEADER + ONE, "participant_id\tsex\nsub-1\tF\nsub-1\tM\n")


def test_a_table_in_the_folder_of_another_person_is_refused(tmp_path):
    bids_trees.write_table(
        tmp_path / "sub-1" / "sub-1_sessions.tsv", [{"participant_id": "sub-2", "session_id": "ses-1"}]
    )
    with pytest.raises(BenchError, match=r"row 2: participant_id 'sub-2' in the folder of sub-1"):
        scans(tmp_path, (), "a BIDS tree")


def test_a_folder_and_a_circle_of_links_are_no_tables(tmp_path):
    (tmp_path / "sub-1" / "sub-1_sessions.tsv").mkdir(parents=True)
    with pytest.raises(BenchError, match=r"sub-1_sessions\.tsv is not a file"):
        scans(tmp_path, (), "a BIDS tree")
    (tmp_path / "sub-1" / "sub-1_sessions.tsv").rmdir()
    (tmp_path / "sub-1" / "sub-1_sessions.tsv").symlink_to("sub-1_sessions.tsv")
    with pytest.raises(BenchError, match=r"sub-1_sessions\.tsv (cannot be read|is not a file)"):
        scans(tmp_path, (), "a BIDS tree")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("old", "not a number"), ("1_0", "not a number"), ("inf", "not a finite number"), ("1e400", "not a finite")],
)
def test_an_age_that_is_no_number_is_named_with_table_and_row(tmp_path, text, wrong):
    root = bids_trees.oasis(tmp_path, 2, age=[70, text])
    with pytest.raises(BenchError, match=rf"sessions\.tsv, row 3: sub-1_ses-01: age is {wrong}.*'{text}'; write a"):
        registry.make("datasets", "age_oasis").samples(root)


def test_a_value_of_the_person_is_named_with_the_table_of_people(tmp_path):
    people = "participant_id\tage\nsub-1\told\n"
    (row,) = rows(tmp_path, "participant_id\tsession_id\nsub-1\tses-1\n", people)
    with pytest.raises(BenchError, match=r"participants\.tsv, row 2: sub-1_ses-1: age"):
        row.number("age")


@dataclass(frozen=True)
class Labelled:
    groups: tuple[str, ...]
    targets: np.ndarray
    name: str = "some_set"
    task: Task = Task("classification", "auc", ("well", "ill"))

    @property
    def strata(self) -> tuple[str, ...]:
        return tuple(str(target) for target in self.targets)

    @property
    def sites(self) -> tuple[str, ...]:
        return ("",) * len(self.groups)


def people(ill: int, of: int = 20, **more: object) -> Labelled:
    return Labelled(tuple(f"p{i}" for i in range(of)), np.array([float(i < ill) for i in range(of)]), **more)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (people(0), "all 20 groups of some_set have the class 'well': nothing to classify"),
        (
            people(3),
            "'ill' of some_set has 3 groups, fewer than the 5 folds: .*ask for 3 folds or fewer, or add people",
        ),
        (people(1), "'ill' of some_set has 1 groups, fewer than the 5 folds: .*; add people of that class"),
        (people(2, 4), "has 2 groups, fewer than the 5 folds"),
        (people(2, 4, task=Task("regression", "mae")), "4 groups cannot be divided into 5 folds; ask for 4 or fewer"),
    ],
)
def test_a_split_without_a_class_is_refused_with_counts_and_a_remedy(data, says):
    with pytest.raises(BenchError, match=says):
        fold(data, Split(folds=5), 0, 0)


def test_a_split_that_has_every_class_in_every_fold_is_as_it_was_without_labels():
    plain = people(5, task=Task("regression", "mae"))
    for number in range(5):
        one, two = (fold(data, Split(folds=5), 0, number) for data in (people(5), plain))
        assert all((a == b).all() for a, b in zip((one.train, one.test), (two.train, two.test), strict=True))


def given(path: Path, **more: object) -> dict[str, object]:
    return {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest(), **more}


@pytest.mark.parametrize("name", ["timm2d", "xing2020"])
@pytest.mark.parametrize("spoil", ["text", "cut short", "empty"])
def test_a_file_with_incomplete_weights_is_refused_before_training(tmp_path, name, spoil):
    path = tmp_path / "w.safetensors"
    save_file({"w": torch.ones(100)}, path)
    whole = path.read_bytes()
    path.write_bytes({"text": b"hello, these are no weights", "cut short": whole[:-40], "empty": b""}[spoil])
    with pytest.raises(BenchError, match=r"w\.safetensors is (empty|not a complete safetensors file: ).*copy it again"):
        make("methods", name, given(path)).check()


def test_weights_of_another_network_are_refused_with_what_differs(tmp_path):
    three, shape = Task("classification", "auc", ("a", "b", "c")), (1, 32, 32)
    method, path = make("methods", "timm2d", {"network": "resnet10t"}), tmp_path / "w.safetensors"
    state = method.build(three, (3, 32, 32)).state_dict()
    save_file(state, path)
    make("methods", "timm2d", given(path, network="resnet10t")).build(three, shape)
    spoilt = {
        r"missing: layer4\.0\.conv1\.weight$|missing: layer4": {k: v for k, v in state.items() if "layer4" not in k},
        r"unexpected: layer9\.0": {**state, "layer9.0": torch.ones(1)},
        r"layer2\.0\.conv1\.weight|size mismatch": {**state, "layer2.0.conv1.weight": torch.ones(2, 2, 3, 3)},
        "missing: .* and [0-9]+ more; unexpected: w": {"w": torch.ones(3)},
    }
    for says, other in spoilt.items():
        save_file(other, path)
        with pytest.raises(BenchError, match=rf"w\.safetensors does not hold the weights of resnet10t: .*({says})"):
            make("methods", "timm2d", given(path, network="resnet10t")).build(three, shape)


def test_features_of_another_network_are_refused_with_what_is_missing(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"features.0.weight": torch.ones(3)}, path)
    says = r"missing: features\.0\.bias, .* and 12 more; of another shape: features\.0\.weight is 3, not 64 x 3 x 3 x 3"
    with pytest.raises(BenchError, match=rf"VGG11 for images of 3 channels: {says}"):
        make("methods", "xing2020", given(path)).build(Task("classification", "auc", ("a", "b")), (3, 110, 110))
