"""Code and records as bytes, for nodes that share no folder with the machine that sends them trials."""

from __future__ import annotations

import importlib.metadata
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.experiments.launch import code_folder, node_agent
from bench.storage import source_code


def by_value(ray: Any) -> None:
    """Let Ray send the code for a node itself, not the names of modules that the node may lack."""
    for module in (node_agent, code_folder, source_code):
        ray.cloudpickle.register_pickle_by_value(module)


def code(plugins: Sequence[Path]) -> bytes:
    """The packages, their entry points and the folders of plug-ins, as a zip file. Equal files give equal bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as into:
        for folder in node_agent.folders_of_code():
            _add(into, folder, folder.name)
        for number, folder in enumerate(plugins):
            _add(into, folder, f"plugins-{number}")
        package = importlib.metadata.distribution(node_agent.DISTRIBUTION)
        about = f"{node_agent.DISTRIBUTION.replace('-', '_')}-{package.version}.dist-info"
        for name in ("METADATA", "entry_points.txt"):
            into.writestr(zipfile.ZipInfo(f"{about}/{name}"), _text(package, name))
    return archive.getvalue()


def _add(into: zipfile.ZipFile, folder: Path, name: str) -> None:
    for path in node_agent.files_of(folder):
        into.writestr(zipfile.ZipInfo(f"{name}/{path.relative_to(folder)}"), path.read_bytes())


def _text(package: importlib.metadata.Distribution, name: str) -> str:
    if name == "METADATA":  # an editable installation may have it under another name
        return (
            package.read_text(name)
            or f"Metadata-Version: 2.1\nName: {node_agent.DISTRIBUTION}\nVersion: {package.version}\n"
        )
    points = [f"{each.name} = {each.value}" for each in package.entry_points if each.group == "dclse_bench"]
    return "\n".join(["[dclse_bench]", *points, ""])


def pack_folder(folder: Path) -> dict[str, bytes]:
    """The files of a finished trial."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
