"""Preparation stops at scans of different groups that look like one person's, unites them or keeps them apart."""

from __future__ import annotations

import json

import command_line
import numpy as np
import pytest

from bench import registry
from bench.core import BenchError, Labels, RunAbortedError, Split, Trial
from bench.data import splits
from bench.data.prepare import fingerprint, open_prepared, prepare
from bench.data.prepare import pipeline as preparation
from bench.storage.atomic_io import json_checksum
from bench.training.trial_targets import trial_targets

PLUGIN = """
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from bench.core import Dataset, Sample, Scan, Task, param

@dataclass(frozen=True)
class Twins(Dataset):
    title = source = licence = citation = layout = "made by a program"
    task = Task("classification", "auc", ("a", "b"))
    shape, spacing = (1, 12, 12), (1.0, 1.0)
    alike: int = param(2, "people who are there under two names")

    def samples(self, root):
        return [self.sample(root / "all", number) for number in range(80)]

    def sample(self, path, number):
        person = number - 40 if 40 <= number < 40 + self.alike else number

        def read():
            image = np.random.default_rng(person).normal(size=(1, 12, 12))
            image += 0.05 * np.random.default_rng(1000 + number).normal(size=(1, 12, 12))
            return Scan(image.astype(np.float32), self.spacing)

        return Sample(f"s{number}", f"p{number:02d}", float(number % 2), "ab"[number % 2], read, files=(path,))

DATASET = Twins
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The folder of the data set `twins`, a plug-in: s0 and s40, s1 and s41 are scans of one person."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "twins.py").write_text(PLUGIN)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "all").write_text("the scans")
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "own"))
    registry.clear_cache()
    yield tmp_path / "set"
    registry.clear_cache()


def test_preparation_stops_and_names_the_scans_and_the_remedies(source, capsys, monkeypatch):
    status, printed = command_line.run_command(capsys, monkeypatch, "prepare", "twins", "--from", str(source))
    assert status == 1
    assert "scans of 4 groups of twins look like scans of 2 people:" in printed
    assert "s0 (group p00) and s40 (group p40): similarity 1.00" in printed
    assert "s1 (group p01) and s41 (group p41): similarity 1.00" in printed
    assert "--alike together" in printed
    assert "--alike apart" in printed
    assert fingerprint("twins") is None


def test_after_a_stop_no_scan_is_decoded_again(source, monkeypatch):
    with pytest.raises(RunAbortedError, match="look like scans of 2 people"):
        prepare("twins", source=source)
    begun = []
    monkeypatch.setattr(preparation, "_decoded", lambda job, begin: iter(begun.append(begin) or ()))
    assert len(prepare("twins", source=source, alike="together").ids) == 80
    assert begun == [80]


def test_together_they_are_one_group_and_no_split_divides_it(source):
    made = prepare("twins", source=source, alike="together")
    assert (made.groups[0], made.groups[40]) == ("p00", "p00")
    assert len(set(made.groups)) == 78
    assert made.clusters == made.groups
    assert any("80 groups were merged into 78" in note for note in made.manifest["notes"])
    for number in range(5):
        test = set(splits.fold(made, Split(), 0, number).test.tolist())
        assert (0 in test, 1 in test) == (40 in test, 41 in test)


def test_apart_they_keep_their_groups_and_the_manifest_and_a_file_say_so(source):
    made = prepare("twins", source=source, alike="apart")
    assert len(set(made.groups)) == 80
    assert len(set(made.clusters)) == 78
    assert (made.clusters[40], made.clusters[41]) == ("p00", "p01")
    assert made.manifest["alike"] == {"search": 1, "searched": True, "policy": "apart", "clusters": 2, "groups": 4}
    (note,) = [note for note in made.manifest["notes"] if "look like" in note]
    assert note.startswith("scans of 4 groups look like scans of 2 people; the preparation declares them")
    assert not any(name in note for name in made.ids)
    pairs = json.loads((made.folder / "alike_scans.json").read_text())
    assert {(pair["first"], pair["second"]) for pair in pairs} == {("s0", "s40"), ("s1", "s41")}


def test_permuted_labels_stay_within_the_clusters_of_scans_that_are_alike(source):
    made = prepare("twins", {"alike": 10}, source, alike="apart")
    assert len(set(made.clusters)) == 70
    for number in range(3):
        trial = Trial(made.spec, registry.spec("methods", "constant"), labels=Labels("permuted", number))
        labels = trial_targets(trial, made, splits.fold(made, trial.split, trial.partition, trial.fold))
        assert (labels[:10] == labels[40:50]).all()
        assert not (labels[10:40] == labels[50:]).all()
    assert not np.array_equal(labels, made.targets)


def test_what_is_done_with_alike_scans_can_be_changed_later(source):
    apart = prepare("twins", source=source, alike="apart")
    assert prepare("twins").fingerprint == apart.fingerprint
    together = prepare("twins", alike="together")  # from the folder of the first time
    assert len(set(together.groups)) == 78
    assert together.fingerprint != apart.fingerprint
    assert len(set(prepare("twins", alike="apart").groups)) == 80


def test_other_files_of_a_set_are_not_accepted_because_the_former_were(source):
    prepare("twins", source=source, alike="apart")
    (source / "all").write_text("other scans")
    with pytest.raises(RunAbortedError, match="look like scans of 2 people"):
        prepare("twins", source=source)


def test_a_set_without_alike_scans_is_the_same_under_every_policy(source):
    made = prepare("twins", {"alike": 0}, source)
    assert made.clusters == made.groups
    assert not (made.folder / "alike_scans.json").exists()
    for policy in ("apart", "together"):
        assert prepare("twins", {"alike": 0}, source, alike=policy).fingerprint == made.fingerprint


def test_an_unknown_policy_is_refused(source):
    with pytest.raises(BenchError, match="no way 'appart' to treat scans that are alike; did you mean 'apart'"):
        prepare("twins", source=source, alike="appart")


def test_the_audit_shows_what_the_search_found(source, capsys, monkeypatch):
    prepare("twins", source=source, alike="apart")
    _, printed = command_line.run_command(capsys, monkeypatch, "audit", "twins", "--json")
    line = json.loads(printed)["alike"]["twins"]
    assert line.startswith("people under two names: scans of 4 groups look like scans of 2 people, kept apart: s")
    assert "s0 and s40 (1.00)" in line
    prepare("twins", {"alike": 0}, source)
    _, printed = command_line.run_command(capsys, monkeypatch, "audit", "twins", "--set", "alike=0")
    assert "twins: people under two names: none found" in printed
    prepare("phantom_ad", {"subjects": 6, "mm": 8.0})
    _, printed = command_line.run_command(
        capsys, monkeypatch, "audit", "phantom_ad", "--set", "subjects=6", "--set", "mm=8"
    )
    assert "phantom_ad: people under two names: not searched" in printed


@pytest.mark.parametrize("search", [None, {"search": 0}])
def test_sets_of_another_search_are_prepared_again_in_the_same_way(source, search):
    made = prepare("twins", source=source, alike="apart")
    path = made.folder / "manifest.json"
    entry = {key: value for key, value in json.loads(path.read_text()).items() if key not in ("seal", "alike")}
    entry |= {"alike": {**made.manifest["alike"], **search}} if search else {}
    path.write_text(json.dumps({**entry, "seal": json_checksum(entry)}))
    with pytest.raises(RunAbortedError, match=r"out of date \(another version of bench searched them"):
        open_prepared("twins")
    if search:
        again = prepare("twins")
        assert again.fingerprint == made.fingerprint  # no trial is lost
    else:
        with pytest.raises(RunAbortedError, match="look like scans of 2 people"):
            prepare("twins")


def test_people_of_a_phantom_who_are_alike_are_kept_apart_since_it_made_them(source):
    text = PLUGIN.replace("    shape, spacing", "    phantom = True\n    shape, spacing").replace(
        'root / "all"', "root"
    )
    text = text.replace("files=(path,)", "files=()")
    (source.parent / "own" / "made_twins.py").write_text(text)
    registry.clear_cache()
    made = prepare("made_twins")
    assert len(set(made.groups)) == 80
    assert any("keeps them apart" in note for note in made.manifest["notes"])
