"""`bench template`: files that run a study on a cluster or install the package elsewhere, to be reviewed and used."""

from __future__ import annotations

import platform
import re
import shlex
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from bench import __version__, registry
from bench.core import BenchError
from bench.storage.atomic_io import write_text

FILES = {
    "slurm": "slurm.sh",
    "kuberay": "kuberay.yaml",
    "ray-up": "ray-up.yaml",
    "docker": "docker.Dockerfile",
    "apptainer": "apptainer.def",
    "conda": "conda.yaml",
}
ABOUT = {
    "slurm": "a batch script: starts a Ray cluster on the nodes of a job and runs the study on it",
    "kuberay": "a RayJob for the KubeRay operator on Kubernetes",
    "ray-up": "your own machines, reached by ssh, as a cluster for `ray up`",
    "docker": "a Dockerfile that installs this package",
    "apptainer": "the same for Apptainer, where Docker is not allowed",
    "conda": "an environment file for conda or mamba",
}


def template(
    name: Annotated[str, typer.Argument(help=f"{', '.join(FILES)}. Default: list them all.")] = "",
    study: Annotated[str, typer.Option("--study", "-s", help="Study to run.")] = "quickstart",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New file to write to. Default: the screen.")] = None,
) -> None:
    """Print a job file for a cluster, a container recipe or an environment file, or write it to a new file."""
    if not name:
        for each, about in ABOUT.items():
            print(f"{each:9} {about}")
        return
    text = fill_template(name, study)
    if out is None:
        print(text, end="")
        return
    if out.exists():
        raise BenchError(f"{out} already exists; remove it, or give another name")
    write_text(out, text)
    print(out)


def fill_template(name: str, study: str) -> str:
    """The text of a template. BenchError if there is no such template or no such study."""
    if name not in FILES:
        raise BenchError(f"no template {name!r}; {registry.did_you_mean(name, FILES)}")
    registry.study(study)
    text = (resources.files("bench") / "templates" / FILES[name]).read_text(encoding="utf-8")
    values = {
        "study": shlex.quote(study),  # the templates name it in lines of a shell
        "label": re.sub(r"[^a-z0-9]+", "-", study.lower()).strip("-"),  # allowed in a host name
        "bench": __version__,
        "ray": version("ray"),
        "python": ".".join(platform.python_version_tuple()[:2]),
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: values[match[1]], text)


COMMAND = template
PANEL = "Help"
