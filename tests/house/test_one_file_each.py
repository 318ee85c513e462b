"""The table "where do I add or change" of the guide is true: one file adds each of these, and it is known at once."""

from __future__ import annotations

import re
import sys

import pytest
import typer
from documented_blocks import GUIDE, ROOT, plug_ins

from bench import registry
from bench.cli import app
from bench.evaluation.metrics import plugin_metrics
from bench.experiments import launch
from bench.report import figure_catalog
from bench.report.tables.table_catalog import read_specs

CURRICULUM = '''
from dataclasses import dataclass
from bench.curriculum import Curriculum, Stage

@dataclass(frozen=True)
class Plain(Curriculum):
    """Plain training."""

    def at(self, progress, signals):
        return Stage()

CURRICULUM = Plain
'''
LAUNCHER = "from bench.experiments.launch import Launcher\nLAUNCHER = Launcher(lambda *words: None)\n"
COMMAND = 'def command() -> None:\n    """Do nothing."""\n\nCOMMAND = command\n'
OWN = {"plain_training.py": CURRICULUM, "idle.py": LAUNCHER, "nothing.py": COMMAND}

ADDED = {  # what -> its variable, a file that defines it, its name, and all names that are known
    "a data set": ("DATASET", "my_clinic.py", "my_clinic", lambda: registry.names("datasets")),
    "a baseline": ("METHOD", "shallow.py", "shallow", lambda: registry.names("methods")),
    "a curriculum": ("CURRICULUM", "plain_training.py", "plain_training", lambda: registry.names("curricula")),
    "a study": ("STUDY", "mine.py", "mine", lambda: registry.names("studies")),
    "a metric": ("METRIC", "kappa.py", "kappa", lambda: list(plugin_metrics())),
    "a table": ("TABLE", "score_range.py", "score_range", lambda: list(read_specs())),
    "a figure": ("FIGURE", "training_time.py", "training-time", lambda: [one.name for one in figure_catalog.specs()]),
    "a command": ("COMMAND", "nothing.py", "nothing", lambda: typer.main.get_command(app).list_commands(None)),
    "a launcher": ("LAUNCHER", "idle.py", "idle", launch.launcher_names),
}
MEMBERS = set(registry.KINDS.values())  # the guide says once for all of them that they can be plug-ins


def rows() -> dict[str, str]:
    """What -> where, of the guide's table."""
    part = (GUIDE / "contributing.md").read_text().split("## Where do I add or change ...")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", part, re.MULTILINE)[2:])


def test_members_come_first_in_the_table_as_the_sentence_below_it_says():
    assert [ADDED[what][0] for what in list(rows())[:4]] == ["DATASET", "METHOD", "CURRICULUM", "STUDY"]
    assert "The first four can also be plug-ins" in (GUIDE / "contributing.md").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty plug-in folder."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", str(own))
    registry.clear_cache()
    yield own
    for path in own.glob("*.py"):
        sys.modules.pop(f"bench_plugins.{path.stem}", None)
    registry.clear_cache()


@pytest.mark.parametrize("what", ADDED)
def test_the_guide_names_one_file_of_the_project_that_holds_such_a_thing(what):
    (file,) = re.findall(r"`(\w+/[\w/]+\.py)`", rows()[what])
    defined = re.compile(rf"^{ADDED[what][0]}S? = ", re.MULTILINE)  # METRICS of the package are in one file
    assert any(defined.search(path.read_text()) for path in ROOT.glob(file.replace("NAME", "*")))


@pytest.mark.parametrize("what", [what for what, (variable, *_) in ADDED.items() if variable not in MEMBERS])
def test_the_guide_names_the_variable_that_a_plug_in_file_defines(what):
    assert f"`NAME.py` in a plug-in folder, with `{ADDED[what][0]} = " in rows()[what]


@pytest.mark.parametrize("what", ADDED)
def test_one_file_in_a_plug_in_folder_adds_one(what, folder):
    variable, file, name, known = ADDED[what]
    text = {**plug_ins(), **OWN}[file]
    assert re.search(rf"^{variable} = ", text, re.MULTILINE)
    assert name not in known()
    (folder / file).write_text(text)
    registry.clear_cache()
    assert name in known()
