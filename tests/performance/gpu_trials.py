"""Trials an hour on one GPU: the launcher with so many trials at once, and a plain loop of Ray Tune.

Each is a process of its own that writes a line when a trial ends; it is ended when its time is over, and counted is
what it wrote. Run as `python gpu_trials.py FILE COUNT PLAIN SMALL`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from performance import busy, own
from performance.measure import Result

MANY = 400  # more than end in the time
STEPS, SMALL_STEPS = 120, 4  # of a trial
COMPARED = (
    "trials of DCL-SE (120 steps of 8, phantom_ad) an hour, from the end of the first trials to the end of the last,"
    " each process having ended one; with trials at once by the launcher of bench, or by a plain loop of Ray Tune with"
    " a DataLoader and one trial a GPU"
)
STUDY = """'''How many trials share a GPU best?'''
from bench.core import Arm, Data, Recipe, Study

STUDY = Study(
    question="How many trials share a GPU best?", datasets=[Data("phantom_ad", {"subjects": %d})], reference="DCL-SE",
    arms={"DCL-SE": Arm("dclse")}, floors=[], folds=2, partitions=1, recipe=Recipe(%d, 8, 2),
)
"""


def measured(name: str, count: int, seconds: float, rehearse: bool, graph: str = "auto", plain: bool = False) -> Result:
    """Trials an hour with `count` at once, observed for at most `seconds`. graph: of $BENCH_GRAPH."""
    with tempfile.TemporaryDirectory() as folder, busy.observed() as shares:
        began = time.perf_counter()
        ends = [each - began for each in _ends(Path(folder) / "ends", count, seconds, rehearse, graph, plain)]
        details = {
            "trials that ended": float(len(ends)),
            **({"first trial ended after (s)": ends[0]} if ends else {}),
            **busy.mean_share(shares, began + (ends[count - 1] if len(ends) >= count else 0.0), time.perf_counter()),
        }
    if len(ends) < count + 1:
        why = f"{len(ends)} trials ended in {seconds:.0f} s, too few to count"
        return Result(name, skipped=why, details=details, compared=COMPARED)
    rate = 3600 * (len(ends) - count) / (ends[-1] - ends[count - 1])
    return Result(name, [rate], unit="trials an hour", details=details, compared=COMPARED)


def _ends(path: Path, count: int, seconds: float, rehearse: bool, graph: str, plain: bool) -> list[float]:
    """When trials ended in a process of its own, on the clock of `time.perf_counter`."""
    words = [sys.executable, __file__, str(path), str(count), str(int(plain)), str(int(rehearse))]
    environment = {**os.environ, "BENCH_GRAPH": graph, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with path.with_suffix(".txt").open("w") as output:
        child = subprocess.Popen(words, stdout=output, stderr=output, env=environment, start_new_session=True)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end(child)
    ends = [float(line) for line in path.read_text().splitlines()] if path.is_file() else []
    if child.returncode and child.returncode > 0 and not ends:
        raise RuntimeError(path.with_suffix(".txt").read_text()[-1500:])
    return sorted(ends)


def _end(child: subprocess.Popen) -> None:
    """End a process, if it has not ended, and what it started: asked twice, as by Ctrl-C, then by force."""
    if child.poll() is not None:
        return
    for number, patience in ((signal.SIGINT, 3.0), (signal.SIGTERM, 8.0)):
        child.send_signal(number)
        try:
            child.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def note_end(path: Path) -> None:
    """Add a line with the time now: one write, so that processes do not mix theirs."""
    with path.open("a") as file:
        file.write(f"{time.perf_counter()}\n")


class _Writer(own.Ends):
    """Writes down when each trial ends."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def ended(self, trial, status, notes) -> None:
        super().ended(trial, status, notes)
        note_end(self._path)


def main(words: list[str]) -> None:
    """Carry out trials until somebody ends this process; in a rehearsal a few."""
    path, count, plain, small = Path(words[0]), int(words[1]), words[2] == "1", words[3] == "1"
    with own.folders() as folder:
        study = STUDY % ((24, SMALL_STEPS) if small else (60, STEPS))
        (folder / "plugins" / "sharing.py").write_text(study)
        planned = own.trials("sharing")
        if plain:
            from performance import ray_tune_loop

            ray_tune_loop.run(planned[0], path, 2 if small else MANY, small)
            return
        own.launched_together(planned, count, (count + 2) if small else MANY, _Writer(path))


if __name__ == "__main__":
    main(sys.argv[1:])
