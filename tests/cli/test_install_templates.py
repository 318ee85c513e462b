"""Recipes for containers and conda copy all that an installation needs, and install it in this version of Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from bench.cli.template import fill_template

ROOT = Path(__file__).parents[2]
INSTALL = "pip install --no-cache-dir --constraint constraints.txt ."


def copied(name: str) -> set[str]:
    """The files and folders of the repository that a recipe copies."""
    text = fill_template(name, "quickstart")
    if name == "docker":
        return {word for line in re.findall(r"^COPY (.+)$", text, re.M) for word in line.split()[:-1]}
    return {line.split()[0] for line in text.partition("%files")[2].partition("%post")[0].strip().splitlines()}


@pytest.mark.parametrize("name", ["docker", "apptainer"])
def test_a_recipe_copies_the_packages_and_what_their_build_reads(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    read = {project["project"]["readme"], *project["project"]["license-files"]}
    assert copied(name) == {*packages, *read, "pyproject.toml", "constraints.txt"}
    assert INSTALL in fill_template(name, "quickstart")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["docker", "apptainer"])
def test_a_package_built_from_the_copied_files_has_every_file_of_the_package(name, tmp_path):
    for each in copied(name):
        copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
        copy(ROOT / each, tmp_path / each)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "built", "."]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with zipfile.ZipFile(next((tmp_path / "built").glob("*.whl"))) as wheel:
        files = set(wheel.namelist())
    assert {f"bench/{each.relative_to(ROOT / 'bench')}" for each in (ROOT / "bench" / "templates").iterdir()} <= files
    assert {"studies/quickstart.py", "bench/guide/clusters.md", "baselines/linear.py", "dclse/method.py"} <= files


def test_conda_gets_python_and_leaves_the_packages_to_the_constraints():
    environment = yaml.safe_load(fill_template("conda", "quickstart"))
    *channel, installed = environment["dependencies"]
    assert channel == [f"python={sys.version_info[0]}.{sys.version_info[1]}", "pip"]
    assert installed == {"pip": ["--constraint constraints.txt", "."]}
