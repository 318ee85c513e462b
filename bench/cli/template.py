"""`bench template`: what a cluster needs to be told to run a study, ready to be looked through and used."""

from __future__ import annotations

import platform
import re
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from bench import __version__, registry
from bench.core import BenchError
from bench.storage.atomic_io import write_text

FILES = {"slurm": "slurm.sh", "kuberay": "kuberay.yaml", "ray-up": "ray-up.yaml"}
ABOUT = {
    "slurm": "a batch script: a Ray cluster on the nodes of a job, and the study on it",
    "kuberay": "a RayJob for the KubeRay operator on Kubernetes",
    "ray-up": "machines of your own, reached by ssh, as a cluster for `ray up`",
}


def attach(app: typer.Typer) -> None:
    """Give the command of this file to the application."""
    app.command("template")(template)


def template(
    name: Annotated[str, typer.Argument(help=f"{', '.join(FILES)}; all of them are listed where omitted")] = "",
    study: Annotated[str, typer.Option("--study", "-s", help="The study that it runs.")] = "quickstart",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A new file to write it to.")] = None,
) -> None:
    """A template for a cluster, filled with the name of a study: printed, or written to a file."""
    if not name:
        for each, about in ABOUT.items():
            print(f"{each:8} {about}")
        return
    text = filled(name, study)
    if out is None:
        print(text, end="")
        return
    if out.exists():
        raise BenchError(f"{out} is there already; remove it first, or give another name")
    write_text(out, text)
    print(out)


def filled(name: str, study: str) -> str:
    """The text of a template. BenchError where there is no such template, or no such study."""
    if name not in FILES:
        raise BenchError(f"no template {name!r}; {registry.did_you_mean(name, FILES)}")
    registry.study(study)
    text = (resources.files("bench") / "templates" / FILES[name]).read_text(encoding="utf-8")
    values = {
        "study": study,
        "label": re.sub(r"[^a-z0-9]+", "-", study.lower()).strip("-"),  # as names of machines may be
        "bench": __version__,
        "ray": version("ray"),
        "python": ".".join(platform.python_version_tuple()[:2]),
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], text)
