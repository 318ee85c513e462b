"""Every shipped study runs, the wheel carries them, and the files of the guide work as it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import run_command
from documented_blocks import plug_ins

from bench import registry
from bench.data.prepare import prepare

ROOT = Path(__file__).parents[2]
SOURCES = {"ad_oasis": "oasis1", "age_oasis": "oasis1", "roi_ixi": "ixi10"}  # data set -> folder of the real scans


def bench(*words, **environment):
    """Run the command in a process of its own."""
    started = [sys.executable, "-c", "from bench.cli import main; main()", *words]
    return subprocess.run(started, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_the_quickstart_runs_at_its_smallest():
    done = bench("run", "--study", "quickstart", "--smoke")
    assert done.returncode == 0, done.stdout + done.stderr


def pictures() -> list[tuple[str, str, dict]]:
    """The phantoms of tumours that the studies ask for: the study, the data set, its parameters."""
    requested = [(study, data) for study in registry.names("studies") for data in registry.study(study).datasets]
    return [(study, data.name, dict(data.params)) for study, data in requested if data.name.startswith("phantom_bt")]


def test_the_pictures_of_tumours_in_a_study_show_whole_heads():
    """Few and fine pixels would cut the head, and with it tumours that the label still names."""
    found = pictures()
    assert len(found) >= 3
    for study, name, params in found:
        for sample in registry.make("datasets", name, params).samples(None)[:3]:
            image = sample.read().image[0].astype(float)
            edge = np.concatenate([image[[0, -1]].ravel(), image[:, [0, -1]].ravel()])
            assert np.median(edge) < 0.2 * np.percentile(image, 99), (study, params)
            assert np.quantile(edge, 0.95) < 0.5 * np.percentile(image, 99), (study, params)


@pytest.mark.parametrize("name", registry.names("studies"))
def test_the_scans_of_a_study_are_made_or_at_hand_or_have_a_stand_in(name):
    for data in registry.study(name).datasets:
        member = registry.member("datasets", data.name)
        assert member.phantom or member.twin or data.name in SOURCES, data.name


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.names("studies"))
def test_every_study_runs_at_its_smallest_on_the_real_scans(name, scans):
    study = registry.study(name)
    requested = [(data.name, data.params) for one in study.datasets for data in (one, one.external) if data]
    requested += [(str(arm.params.get("pretrain_data", "")), {}) for arm in study.arms.values()]
    for each, params in requested:
        if each in SOURCES:
            prepare(each, source=scans / SOURCES[each], params=params)  # once: what is prepared stays
    done = bench("run", "--study", name, "--smoke", "--stand-ins")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_wheel_carries_all_that_a_run_needs(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    empty = tmp_path / "empty"
    empty.mkdir()
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import bench; print(bench.__file__);"
        "from bench.cli import main; main()"
    )
    for words in (["list", "studies", "--json"], ["guide", "plugins"], ["run", "--study", "quickstart", "--smoke"]):
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, str(tmp_path / "installed"), *words],
            cwd=empty, capture_output=True, text=True, check=False, env={**os.environ, "BENCH_PLUGINS": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert str(tmp_path / "installed") in done.stdout


@pytest.fixture
def here(capsys, monkeypatch):
    """The command in this process, which has to end well; what it printed."""

    def run(*words: str) -> str:
        status, text = run_command(capsys, monkeypatch, *words)
        assert status == 0, text
        return text

    return run


def test_the_real_scans_of_the_readme_are_prepared_planned_and_run(here, scans):
    assert "198 scans of 198 groups" in here("prepare", "ad_oasis", "--from", str(scans / "oasis1"))
    planned = json.loads(here("plan", "--study", "oasis_ad", "--json"))
    assert [(entry["name"], entry["stand_in_for"]) for entry in planned["data"]] == [("ad_oasis", None)]
    here("run", "--study", "oasis_ad", "--smoke", "--arm", "DCL-SE")


def test_the_plug_ins_of_the_guide_run_on_real_scans(here, tmp_path, scans):
    folder = tmp_path / "plugins"
    folder.mkdir()
    for name, text in plug_ins().items():
        (folder / name).write_text(text)
    listed = {row["name"] for row in json.loads(here("list", "--json"))}
    assert {"mine", "my_clinic", "shallow"} <= listed
    clinic = _clinic(tmp_path / "clinic", scans / "oasis1")
    assert "40 scans of 40 groups" in here("prepare", "my_clinic", "--from", str(clinic))
    here("run", "--study", "mine", "--smoke")


def _clinic(folder: Path, oasis: Path) -> Path:
    """Forty of the real scans under the columns that the guide's data set expects."""
    folder.mkdir()
    lines = (oasis / "participants.tsv").read_text().splitlines()
    rows = ["participant_id\tage\tgroup"]
    for line in lines[1:]:
        person, age, _, cdr, *_ = line.split("\t")
        if cdr != "n/a" and len(rows) <= 40:
            rows.append(f"{person}\t{age}\t{'patient' if float(cdr) > 0 else 'control'}")
            (image,) = (oasis / person / "ses-01" / "anat").glob("*_T1w.nii.gz")
            (folder / person / "anat").mkdir(parents=True)
            (folder / person / "anat" / f"{person}_T1w.nii.gz").write_bytes(image.read_bytes())
    (folder / "participants.tsv").write_text("\n".join(rows) + "\n")
    return folder
