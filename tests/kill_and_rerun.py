"""Kills a command at random moments, gives it again, and looks at what is left.

Usage: `kill_and_rerun.py HOW COUNT SEED FOLDER WORDS...`

The command (of `bench`) runs in a forked child, so that the moments fall into its work and not into the imports. After
every kill, what counts as recorded may not have changed since the kill before; a finished command starts again in
empty folders until there were enough kills. At the end it runs undisturbed, and once more in other folders, and both
must have left the same. Prints a line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

LONGEST = 0.7  # of the time an undisturbed run takes, between two kills


def kills(count: int, seed: int, words: list[str], around: Path) -> dict[str, int]:
    """Returns how many kills there were, and how often the command came to its end."""
    from bench.training import checkpoint

    import_all()
    checkpoint.EVERY = 0.0
    chance, done, finished = random.Random(seed), 0, 0
    started = time.monotonic()
    expected = undisturbed(words, around / "whole")
    longest = LONGEST * (time.monotonic() - started)
    place, recorded = around / "killed", {}
    while done < count:
        child = begin(words, place)
        time.sleep(chance.uniform(0.0, longest))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            done += 1
            now = records(place)
            lost = [name for name, mark in recorded.items() if now.get(name) != mark]
            assert not lost, f"recorded and then lost or changed: {lost}"
            recorded = now
            continue
        assert os.waitstatus_to_exitcode(status) == 0, log(place)
        finished += 1
        check(place, expected)
        shutil.rmtree(place)
        recorded = {}
    check_after(words, place, expected)
    return {"kills": done, "finished": finished}


def pairs(rounds: int, seed: int, words: list[str], around: Path) -> dict[str, int]:
    """Two processes give the same command at once; one of them is killed, but in the first round of several."""
    from bench.training import checkpoint

    import_all()
    checkpoint.EVERY = 0.0
    started, chance, alone = time.monotonic(), random.Random(seed), 0
    expected = undisturbed(words, around / "whole")
    longest = time.monotonic() - started
    for number in range(rounds):
        place = around / f"pair-{number}"
        first, second = begin(words, place), begin(words, place, "second.log")
        if number or rounds == 1:
            time.sleep(chance.uniform(0.0, longest))
            os.kill(first, signal.SIGKILL)
        _, status = os.waitpid(first, 0)
        alone += os.WIFSIGNALED(status)
        _, other = os.waitpid(second, 0)
        assert os.waitstatus_to_exitcode(other) == 0, log(place, "second.log")
        check_after(words, place, expected)
    return {"rounds": rounds, "killed": alone}


def import_all() -> None:
    """What the commands import when they run."""
    from bench.data import prepare  # noqa: F401
    from bench.report.figures import style

    style.FORMATS = ("svg",)  # what the page holds: a third of the time, and no less to be killed in


def undisturbed(words: list[str], place: Path) -> dict[str, str]:
    child = begin(words, place)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, log(place)
    return left(place)


def check_after(words: list[str], place: Path, expected: dict[str, str]) -> None:
    undisturbed(words, place)
    check(place, expected)


def check(place: Path, expected: dict[str, str]) -> None:
    found = left(place)
    other = {name for name in expected | found if expected.get(name) != found.get(name)}
    assert not other, f"not as without the kills: {sorted(other)}"


def begin(words: list[str], place: Path, suffix: str = "log") -> int:
    """Run the command in a child process, with its data, results and output under `place`."""
    place.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        out = os.open(place.with_suffix(f".{suffix}"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.environ["BENCH_DATA"], os.environ["BENCH_RESULTS"] = str(place / "data"), str(place / "results")
        sys.argv = ["bench", *words]
        from bench.cli import main as command

        command()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(status)


def log(place: Path, suffix: str = "log") -> str:
    return place.with_suffix(f".{suffix}").read_text()[-2000:]


def records(place: Path) -> dict[str, str]:
    """What counts as done, and may not change any more: records of trials, prepared sets."""
    found = [*place.glob("results/trials/[!.]*/record.json"), *place.glob("data/prepared/[!.]*/manifest.json")]
    return {str(path.relative_to(place)): checksum(path) for path in found}


def left(place: Path) -> dict[str, str]:
    """What a finished command leaves, times aside; nothing unfinished is among it."""
    from bench.storage.record_store import Store

    found: dict[str, str] = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_dir() or path.name in ("record.json", "manifest.json") or path.suffix in (".claim", ".seal"):
            continue
        if ".claims/" in name:
            continue
        assert not any(part.startswith(".") for part in path.relative_to(place).parts), f"{name} is left"
        if path.suffix in (".npy", ".npz", ".safetensors") or path.name == "index.json":
            found[name] = checksum(path)
        if path.name in ("scores.csv", "contrasts.csv", "controls.csv"):
            found[name] = "\n".join(without_times(path))
    store = Store(place / "results")
    for path in store.trials.glob("[!.]*"):
        record = store.verified(path.name)
        assert record is not None, store.damaged
        found[f"metrics of {path.name}"] = json.dumps([record.status, record.metrics, record.curve])
    for path in place.glob("data/prepared/[!.]*/manifest.json"):
        found[str(path.relative_to(place))] = json.loads(path.read_text())["fingerprint"]
    return found


def without_times(path: Path) -> list[str]:
    import pandas as pd

    frame = pd.read_csv(path)
    timed = [column for column in frame.columns if "seconds" in column or "memory" in column]
    return frame.drop(columns=timed).to_csv(index=False).splitlines()


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    how, count, chosen, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    print(json.dumps({"kills": kills, "pairs": pairs}[how](count, chosen, sys.argv[5:], folder)))
