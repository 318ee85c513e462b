"""Slices of one head under different groups: preparation stops by name, and the control on random labels fails.

The set is made from OASIS-1: 11 neighbouring axial slices of each of 100 people, and a random label for each person, so
that nothing can be learnt but who a person is.
"""

from __future__ import annotations

import re

import command_line
import pandas as pd
import pytest

from bench import registry
from bench.data.prepare import open_prepared

PLUGIN = '''
"""Neighbouring slices of 100 people with a random label each."""
from dataclasses import dataclass
from functools import lru_cache, partial
from bench.core import Dataset, Sample, Scan, Task, param, seed_of
from bench.data.readers.bids import scans
from bench.data.readers.nifti import read_scan

volume = lru_cache(4)(read_scan)

def axial(path, height):
    return Scan(volume(path).image[:, :, :, height], (2.0, 2.0))

@dataclass(frozen=True)
class Slices(Dataset):
    title = source = licence = citation = layout = "slices of OASIS-1"
    task = Task("classification", "balanced_accuracy", ("a", "b"))
    shape, spacing = (1, 91, 109), (2.0, 2.0)
    by: str = param("person", "what a group is", ("person", "slice"))

    def samples(self, root):
        first = {row.subject: row for row in reversed(scans(root, (), self.layout))}
        people = sorted(first, key=lambda name: seed_of("drawn", name))[:100]
        return [self.sample(first[name], at % 2, height) for at, name in enumerate(people) for height in range(40, 51)]

    def sample(self, row, label, height):
        name = f"{row.subject}-{height}"
        group = row.subject if self.by == "person" else name
        return Sample(name, group, float(label), "ab"[label], partial(axial, row.path, height), files=(row.path,))

DATASET = Slices
'''
STUDY = '''
"""Is anything learnt?"""
from bench.core import Arm, Data, RandomLabels, Recipe, Study

STUDY = Study(
    question="Is anything learnt?",
    datasets=[Data("slices", {{"by": "{by}"}})],
    reference="nearest neighbour",
    arms={{"constant": Arm("constant"), "nearest neighbour": Arm("nearest_neighbour")}},
    floors=["constant"],
    random_labels=RandomLabels("nearest neighbour", permutations=20),
    partitions=1,
    recipe=Recipe(steps=1, points=1),
)
'''


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """The command, with the data set `slices` and a study for each kind of group among the plug-ins."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "slices.py").write_text(PLUGIN)
    for by in ("person", "slice"):
        (tmp_path / "own" / f"by_{by}.py").write_text(STUDY.format(by=by))
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "own"))
    registry.clear_cache()
    yield lambda *words: command_line.run_command(capsys, monkeypatch, *words)
    registry.clear_cache()


def results(folder, study: str) -> tuple[float, dict, str]:
    """Accuracy of the nearest neighbour, the row of the control, and the text of the report."""
    scores = pd.read_csv(folder / study / "scores.csv").set_index("arm")
    controls = pd.read_csv(folder / study / "controls.csv").set_index("control")
    text = (folder / study / "report.md").read_text()
    return scores.loc["nearest neighbour", "score"], controls.loc["random labels"].to_dict(), text


@pytest.mark.slow
def test_a_leak_by_slices_is_stopped_and_fails_the_control_while_groups_of_people_pass(
    scans, bench, tmp_path, one_format
):
    source = ("--from", str(scans / "oasis1"))
    status, printed = bench("prepare", "slices", "--set", "by=slice", *source)
    assert status == 1
    match = re.search(
        r"scans of (\d+) groups of slices look like scans of (\d+) people:\n +sub-\w+-\d+ \(group", printed
    )
    assert int(match[1]) > 1050
    assert 95 < int(match[2]) < 125  # a head may be in two pieces
    status, printed = bench("run", "--study", "by_slice")
    assert (status, "slices is not prepared" in printed) == (2, True)

    status, printed = bench("prepare", "slices", "--set", "by=slice", *source, "--alike", "apart")
    assert status == 0, printed
    assert bench("run", "--study", "by_slice", "--launcher", "serial")[0] == 0
    score, control, text = results(tmp_path / "results", "by_slice")
    assert score > 0.9
    assert (control["passes"], control["estimate"] > 0.9) == (False, True)
    assert "keeps them apart" in text
    alarm = "The control random labels (nearest neighbour, slices) found something where there is nothing to find"
    assert text.index(alarm) < text.index("\n|")  # before any table

    status, printed = bench("prepare", "slices", *source)
    assert status == 0, printed
    made = open_prepared("slices", {})
    assert (len(set(made.groups)), made.clusters) == (100, made.groups)
    assert bench("run", "--study", "by_person", "--launcher", "serial")[0] == 0
    score, control, text = results(tmp_path / "results", "by_person")
    assert abs(score - 0.5) < 0.15
    assert control["passes"], control
