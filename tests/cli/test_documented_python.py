"""Every Python block in README and guide runs, and the reference of plug-ins has every field and method."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import subprocess
import sys

import pytest
from documented_blocks import GUIDE, ROOT, blocks, plug_ins

import bench
from bench import core, registry
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import Batch, Method, Outputs
from bench.views import View

NEW_NAMES = {  # of methods of plug-ins, by the names before
    "told": "record_info",
    "shown": "view_for",
    "on": "bind_spacing",
    "watch": "logged_metrics",
    "remark": "note",
}
NOUNS = ("Dataset", "Task", "Sample", "Scan", "Study", "Arm", "Data", "Recipe", "Factor", "Design", "RandomLabels")
CLASSES = [*(getattr(core, name) for name in (*NOUNS, "Light", "Tuning")), Method, Batch, Outputs]
CLASSES += [Curriculum, Stage, Signals, View]


@pytest.mark.parametrize("block", [each for each in blocks("python") if each.note == "run"], ids=lambda block: block.id)
def test_python_that_stands_alone_runs(block, tmp_path):
    (tmp_path / "block.py").write_text(block.text)
    done = subprocess.run([sys.executable, "block.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("owner", CLASSES, ids=lambda owner: owner.__name__)
def test_the_reference_of_plug_ins_has_every_field_and_method(owner):
    text = (GUIDE / "plugins.md").read_text()
    start = re.search(rf"^## {owner.__name__}$|^\*\*{owner.__name__}\*\*", text, re.MULTILINE).start()
    part = re.split(r"\n## |\n\n\*\*(?=[A-Z]\w+\*\*)", text[start + 3 :])[0]
    named = set(re.findall(r"`(\w+)[`(]", part))
    public = [name for name in [*vars(owner), *inspect.get_annotations(owner)] if not name.startswith("_")]
    assert {NEW_NAMES.get(name, name) for name in public} - named == set()


def test_the_defaults_in_the_reference_are_those_of_the_classes():
    text = (GUIDE / "plugins.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE))
    for owner in (core.Study, Method):
        for field in dataclasses.fields(owner):
            if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
                assert rows[field.name] == str(field.default), field.name


def test_the_contract_of_the_guides_plug_ins_holds(tmp_path):
    for name, text in plug_ins().items():
        (tmp_path / name).write_text(text)
    listed = {path.stem for path in tmp_path.glob("*.py")}
    assert {"shallow", "my_clinic", "mine"} <= listed
    (contracts,) = (ROOT / "tests").rglob("test_contracts.py")
    words = ["-n", "0", "-p", "no:cacheprovider", str(contracts), "-k", " or ".join(listed)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT, env={**os.environ, "BENCH_PLUGINS": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert re.search(r"[1-9]\d* passed", done.stdout)


def test_the_data_set_of_the_guide_never_makes_an_unknown_group_a_control(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "my_clinic.py").write_text(plug_ins()["my_clinic.py"])
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "own"))
    registry.clear_cache()
    source = tmp_path / "clinic"
    (source / "sub-01" / "anat").mkdir(parents=True)
    for group, fault in (
        ("patient", ""),
        ("n/a", "sub-01: group is missing"),
        ("Patient", "sub-01: group is 'Patient'; known labels: control, patient"),
    ):
        (source / "participants.tsv").write_text(f"participant_id\tage\tgroup\nsub-01\t40\t{group}\n")
        made = registry.make("datasets", "my_clinic")
        if not fault:
            assert [sample.target for sample in made.samples(source)] == [1.0]
            continue
        with pytest.raises(core.BenchError, match=re.escape(fault)):
            made.samples(source)
    sys.modules.pop("bench_plugins.my_clinic", None)
    registry.clear_cache()


def test_the_page_on_python_has_every_public_name_argument_and_result():
    named = set(re.findall(r"`(?:bench\.)?(\w+)[`(=]", (GUIDE / "python.md").read_text()))
    arguments = {name for function in (bench.run, bench.plan) for name in inspect.signature(function).parameters}
    results = {field.name for field in dataclasses.fields(bench.Results)} | set(vars(bench.Results))
    public = {name for name in results if not name.startswith("_")} - {"loaded", "report_data"}
    assert {*bench.__all__, *arguments, *public} - named == set()
