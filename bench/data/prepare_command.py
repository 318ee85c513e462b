"""The command that prepares a data set, for messages and reports."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from bench import registry
from bench.core import canonical, plain


def prepare_command(name: str, params: Mapping[str, Any] | None = None, source: str = "FOLDER") -> str:
    """`bench prepare NAME`, with the parameters that differ from the defaults, and --from where scans are read.

    If no data set of that name is installed, all parameters are given.
    """
    known = name in registry.names("datasets")
    default = registry.make("datasets", name) if known else None
    usual = {**vars(default), **plain(default)} if known else {}  # plain leaves out parameters that were added later
    changed = {key: value for key, value in (params or {}).items() if key not in usual or usual[key] != value}
    words = [f"{key}={value if isinstance(value, str) else canonical(value)}" for key, value in changed.items()]
    phantom = known and registry.member("datasets", name).phantom
    scans = [] if phantom else [f"--from {shlex.quote(source)}"]
    return " ".join(["bench prepare", shlex.quote(name), *(f"--set {shlex.quote(each)}" for each in words), *scans])
