"""One checksum of code: over what a result depends on, and over nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import core, method, registry, views
from bench.data import loader
from bench.data.prepare import pipeline
from bench.experiments import progress, run_trial
from bench.experiments.launch import code_archive, code_folder, node_agent
from bench.storage import anonymise, provenance, source_code
from bench.storage.source_code import TRAINING, checksum, code_checksum, with_imports
from bench.training import loop, trial_data

HOUSE = {
    "__init__.py": "",
    "one.py": "from house import _shared\nfrom house.room import chair\n",
    "two.py": "def late():\n    from . import _shared\n",
    "three.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house import _shared\n",
    "_shared.py": "import house._below\n",
    "_below.py": "from .one import chair\nimport json\n",
    "room/__init__.py": "chair = 1\n",
    "room/spare.py": "",
}


def build(folder):
    for name, text in HOUSE.items():
        path = folder / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "house"


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return build(tmp_path)


def modules_with_other_code(house, edited):
    """Which of the modules have another checksum after an edit of a file."""
    names = [f"house.{name}" for name in ("one", "two", "three")]
    before = {name: code_checksum([name]) for name in names}
    path = house / edited
    path.write_text(f"{path.read_text()}# edited\n")
    os.utime(path, ns=(1, 1))
    return {name.partition(".")[2] for name in names if code_checksum([name]) != before[name]}


def test_a_module_depends_on_what_it_imports_and_so_on(house):
    everything = {"house.one", "house._shared", "house._below", "house.room"}
    assert set(with_imports(["house.one"])) == everything
    assert set(with_imports(["house.two"])) == everything | {"house.two"}
    assert with_imports(["house.three"]) == {"house.three": house / "three.py"}


@pytest.mark.parametrize(
    ("edited", "users"),
    [
        ("one.py", {"one", "two"}),  # two imports it by way of the shared one
        ("two.py", {"two"}),
        ("three.py", {"three"}),
        ("_shared.py", {"one", "two"}),
        ("_below.py", {"one", "two"}),
        ("room/__init__.py", {"one", "two"}),
        ("room/spare.py", set()),
    ],
)
def test_an_edit_changes_the_checksum_of_those_that_use_the_file(house, edited, users):
    assert modules_with_other_code(house, edited) == users


def test_a_new_import_is_followed(house):
    (house / "three.py").write_text("from house.room import spare\n")
    assert set(with_imports(["house.three"])) == {"house.three", "house.room.spare"}


def test_the_checksum_does_not_depend_on_the_folder(house, tmp_path, monkeypatch):
    before = code_checksum(["house.one"])
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    build(tmp_path / "elsewhere")
    sys.path_importer_cache.clear()
    assert with_imports(["house.one"])["house.one"].is_relative_to(tmp_path / "elsewhere")
    assert code_checksum(["house.one"]) == before


def test_a_missing_module_is_named(house):
    with pytest.raises(ImportError, match=r"house\.four"):
        code_checksum(["house.one", "house.four"])


def test_a_checksum_is_over_names_and_bytes(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    assert checksum([("a", one), ("b", two)]) == checksum([("b", two), ("a", one)])
    assert len({checksum([("a", one), ("b", two)]), checksum([("a", two), ("b", one)]), checksum([("a", one)])}) == 3


def test_a_training_depends_on_the_code_that_makes_its_numbers_and_on_no_other():
    files = with_imports(TRAINING)
    makes = (run_trial, loop, trial_data, core, method, loader, views, core.serialization, views.base, pipeline)
    assert {module.__name__ for module in makes} <= set(files)
    assert {anonymise.__name__, progress.__name__}.isdisjoint(files)
    assert not any(name.split(".")[1] in ("cli", "report", "analysis") for name in files)
    assert not any(name.startswith(("bench.experiments.launch", "bench.experiments.search")) for name in files)


def test_members_in_one_folder_do_not_depend_on_each_other():
    codes = {name: set(with_imports([registry.member("methods", name).__module__])) for name in ("timm2d", "vgg3d")}
    assert "baselines._timm" in codes["timm2d"]
    assert "baselines._timm" not in codes["vgg3d"]
    assert not {"baselines.vgg3d", "baselines.sfcn"} & codes["timm2d"]
    assert {"dclse.dgm", "dclse.network"} <= set(with_imports([registry.member("methods", "dclse").__module__]))


def test_a_plug_in_has_its_own_code(tmp_path, monkeypatch):
    for name in ("mine", "other"):
        (tmp_path / f"{name}.py").write_text(
            "from dataclasses import dataclass\nfrom bench.curriculum import Curriculum\n\n\n@dataclass(frozen=True)\n"
            f'class Mine(Curriculum):\n    """{name}"""\n\n\nCURRICULUM = Mine\n'
        )
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path))
    mine, other = (registry.member("curricula", name) for name in ("mine", "other"))
    before = registry.code(mine), registry.code(other)
    path = tmp_path / "mine.py"
    path.write_text(f"{path.read_text()}# edited\n")
    assert registry.code(mine) != before[0]
    assert registry.code(other) == before[1]


@pytest.mark.parametrize("name", ["age_ixi", "ad_mri2d", "artery_cas", "phantom_ad"])
def test_the_code_of_a_data_set_holds_every_file_that_reading_it_loads(name):
    """Except the parent packages of a module, which always load."""
    module = registry.member("datasets", name).__module__
    program = f"import sys; before = set(sys.modules); import {module}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {each for each in done.stdout.split() if each.startswith("bench")}
    files = with_imports([module])
    around = {each for each in loaded if any(other.startswith(f"{each}.") for other in loaded)}
    assert len(loaded) > 5
    assert loaded - around - {"bench.core.lazy"} <= set(files)


def test_a_record_names_the_sources_of_all_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path))
    before = provenance.code()["sources"]
    assert (len(before), provenance.code()["sources"]) == (20, before)
    provenance._code.cache_clear()
    (tmp_path / "mine.py").write_text("")
    assert provenance.code()["sources"] != before


def test_the_code_for_a_node_needs_nothing_of_this_package_there(tmp_path):
    """A node without bench unpickles it, runs it, and finds the same checksum."""
    import ray

    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "a.py").write_text("a = 1\n")
    code_archive.by_value(ray)
    try:
        packed = ray.cloudpickle.dumps((node_agent.folders_checksum, node_agent.inspect_node, node_agent.TrialWorker))
    finally:
        for module in (node_agent, code_folder, source_code):
            ray.cloudpickle.unregister_pickle_by_value(module)
    (tmp_path / "packed").write_bytes(packed)
    program = (
        "import sys; sys.modules['bench'] = None\n"
        "from pathlib import Path\n"
        "from ray import cloudpickle\n"
        f"checksum, *_ = cloudpickle.loads(Path({str(tmp_path / 'packed')!r}).read_bytes())\n"
        f"print(checksum([Path({str(tmp_path / 'plugins')!r})]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [node_agent.folders_checksum([Path(tmp_path / "plugins")])], done.stderr
