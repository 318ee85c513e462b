"""A study on a disk that is too small, may only be read, is taken away, or has another time.

Usage: `failing_disks.py FOLDER WORDS...`

Run as root of a namespace of its own (`unshare --mount --map-root-user`), so that it may mount what it likes. What was
refused must be reported in one line; once the fault is corrected, the same command must give what it gives undisturbed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import kill_and_rerun

KIB = [64, 160, 320, 640, 1280, 2560]  # of the disk that grows until the study fits


def main(folder: Path, faults: str, words: list[str]) -> None:
    from bench.training import checkpoint

    kill_and_rerun.import_all()
    checkpoint.EVERY = 0.0
    expected = kill_and_rerun.undisturbed(words, folder / "whole")
    for how in (each for each in (full, readonly, removed, clock) if each.__name__ in faults.split(",")):
        place = folder / how.__name__
        place.mkdir()
        how(words, place)
        kill_and_rerun.check_after(words, place, expected)
        print(f"{how.__name__}: as undisturbed")


def full(words: list[str], place: Path) -> None:
    """The disk grows step by step; each time it is too small, an error is reported."""
    mount(place, f"size={KIB[0]}k")
    refused = 0
    for size in KIB:
        mount(place, f"remount,size={size}k")
        status, output = ended(kill_and_rerun.begin(words, place), place)
        assert status in (0, 1), output
        if status == 1:
            refused += 1
            check_message(output, "the disk is full")
    assert refused >= 3, "the disk was never too small"
    mount(place, "remount,size=256m")


def readonly(words: list[str], place: Path) -> None:
    mount(place, "size=256m")
    interrupted(words, place)
    mount(place / "results", "bind", place / "results")
    mount(place / "results", "remount,bind,ro", place / "results")
    status, output = ended(kill_and_rerun.begin(words, place), place)
    assert status == 1, output
    check_message(output, "the file system is read-only")
    subprocess.run(["umount", place / "results"], check=True)


def removed(words: list[str], place: Path) -> None:
    child = kill_and_rerun.begin(words, place)
    while not list(place.glob("results/trials/[!.]*/record.json")):
        time.sleep(0.01)
    shutil.rmtree(place / "results", ignore_errors=True)
    status, output = ended(child, place)
    assert status == 1, output
    check_message(output, "no longer exists", "are missing")


def clock(words: list[str], place: Path) -> None:
    """The files are from tomorrow, and the clock of the process is from yesterday."""
    interrupted(words, place)
    ahead = time.time() + 86400
    for path in place.rglob("*"):
        os.utime(path, (ahead, ahead))
    real = time.time
    time.time = lambda: real() - 86400
    interrupted(words, place)


def interrupted(words: list[str], place: Path) -> None:
    """Begin the study and kill it when some of it is done."""
    before = len(kill_and_rerun.records(place))
    child = kill_and_rerun.begin(words, place)
    while len(kill_and_rerun.records(place)) < before + 3:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def ended(child: int, place: Path) -> tuple[int, str]:
    _, status = os.waitpid(child, 0)
    try:
        return os.waitstatus_to_exitcode(status), kill_and_rerun.log(place)
    except FileNotFoundError:
        return os.waitstatus_to_exitcode(status), ""


def check_message(output: str, *words: str) -> None:
    """One of the words is in the last lines, and no traceback."""
    assert any(word in output for word in words), output
    assert "Traceback" not in output


def mount(place: Path, options: str, source: Path | str = "tmpfs") -> None:
    kind = ["-t", "tmpfs"] if source == "tmpfs" else []
    subprocess.run(["mount", *kind, "-o", options, source, place], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
