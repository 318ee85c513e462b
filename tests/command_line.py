"""The command as a user gives it: in this process, or in one of its own that takes its time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import cli


def run_command(capsys: Any, monkeypatch: Any, *words: str) -> tuple[int, str]:
    """Exit status and what was printed by the command, in this process: stdout, then stderr."""
    status, out, err = printed(capsys, monkeypatch, *words)
    return status, out + err


def printed(capsys: Any, monkeypatch: Any, *words: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command, in this process."""
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    status = 0
    try:
        cli.main()
    except SystemExit as end:
        status = int(end.code or 0)
    out = capsys.readouterr()
    return status, out.out, out.err


def apart(command: list[str], study: str, plugins: Path, folder: Path, monkeypatch: Any) -> subprocess.Popen:
    """The command in a process group of its own; a study `slow` of that text lies in a plug-in folder in `folder`."""
    (folder / "own").mkdir()
    (folder / "own" / "slow.py").write_text(study)
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join([str(plugins), str(folder / "own")]))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
