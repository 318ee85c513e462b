"""The code that made a record: commit of the checkout, whether it has uncommitted changes, checksum of the sources.

Equal checksums mean equal sources, also between installations; the commit is known in a checkout only.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bench.core import paths
from bench.storage.source_code import PACKAGES, checksum, is_readable_file, package_folder


def code() -> dict[str, Any]:
    """commit (None outside a checkout), changed (None if unknown), package and sources of the running code.

    package: checksum of the packages; sources: of the packages and of all plug-in files.
    """
    return dict(_code(tuple(str(folder.resolve()) for folder in paths.plugin_folders())))


@cache
def _code(plugins: tuple[str, ...]) -> Mapping[str, Any]:
    root = package_folder("bench").parent
    commit = _git(root, "rev-parse", "HEAD") if (root / ".git").exists() else None
    changed = None if commit is None else _git(root, "status", "--porcelain", "--", *PACKAGES)
    return {
        "commit": commit or None,
        "changed": None if changed is None else bool(changed),
        "package": _sources([]),
        "sources": _sources([Path(folder) for folder in plugins]),
    }


def _sources(plugins: list[Path]) -> str:
    """A checksum over the names and bytes of every module of the packages, and of the user's own files."""
    folders = [folder for name in PACKAGES if (folder := package_folder(name))]
    files = [(path.relative_to(folder.parent).as_posix(), path) for folder in folders for path in folder.rglob("*.py")]
    files += [
        (f"plug-in {path.name}", path) for folder in plugins for path in folder.glob("*.py") if is_readable_file(path)
    ]
    return checksum(files)[:20]


def _git(root: Path, *words: str) -> str | None:
    """The output of a git command in the checkout; None if it fails."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=20,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def format_code_version(provenance: Mapping[str, Any]) -> str:
    """The code version of a record in words; `unrecorded code` if the record does not have it."""
    known = provenance.get("code")
    if not known:
        return "unrecorded code"
    if known.get("commit") is None:
        return f"sources {known['sources']}"
    changed = f" with changes (sources {known['sources']})" if known.get("changed") else ""
    return f"commit {known['commit'][:12]}{changed}"
