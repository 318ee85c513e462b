"""The networks of a study under disturbed scans: what is not done yet, fold by fold, every scan disturbed once for all.

Nothing is trained and no record is touched: test scans go through kept weights, and what is said is kept beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from bench.analysis.robustness import trained_networks
from bench.core import BenchError
from bench.storage import robustness_cache
from bench.storage.record_store import Store
from bench.storage.robustness_cache import CLEAN, STRENGTHS
from bench.training.device import be_deterministic
from bench.training.trained_model import TrainedModel, load, remedy

Progress = Callable[[int, int], None]
Asked = tuple[str, int]  # corruption and strength


@dataclass(frozen=True)
class RobustnessJob:
    """What is to be done of a study. lacking: labels of arms with the number of their trials that cannot be asked."""

    store: Store
    folder: Path
    cells: Sequence[Mapping[str, Any]]  # of the plan, with kept weights
    asked: Sequence[Asked]
    lacking: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return len(self.cells) * len(self.asked)


def lay_out(
    plan: Mapping[str, Any], store: Store, folder: Path, arms: Sequence[str], corruptions: Sequence[str]
) -> RobustnessJob:
    """The work on a study's arms (all of them where none is named), each trial once.

    BenchError where there is no such arm, or nobody kept weights; trials that are missing, failed or without weights
    are counted as lacking.
    """
    mine = [cell for cell in plan["cells"] if cell["role"] == "arm"]
    there = list(dict.fromkeys(cell["arm"] for cell in mine))
    if wrong := [arm for arm in arms if arm not in there]:
        raise BenchError(f"the study {plan['study']} has no arm {wrong[0]!r}; its arms: {', '.join(there)}")
    wanted = {cell["key"]: cell for cell in mine if not arms or cell["arm"] in arms}
    cells = [cell for key, cell in wanted.items() if store.weights(key) is not None]
    if not cells:
        raise BenchError(f"no weights of {plan['study']} were kept; {remedy(plan['study'])}")
    lacking: dict[str, int] = {}
    for key, cell in wanted.items():
        if store.weights(key) is None:
            lacking[cell["arm"]] = lacking.get(cell["arm"], 0) + 1
    asked = [(CLEAN, 0), *((name, at) for name in corruptions for at in range(1, STRENGTHS + 1))]
    return RobustnessJob(store, folder, cells, asked, lacking)


def carry_out(work: RobustnessJob, progress: Progress = lambda done, total: None) -> None:
    """Ask every network about every corruption that it was not asked about yet; what is done is kept at once."""
    done = 0
    for cells in _folds(work.cells):
        done = _fold(work, cells, done, progress)


def _folds(cells: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The cells of one data set and fold together: they are tested on the same scans."""
    found: dict[tuple, list[Mapping[str, Any]]] = {}
    for cell in cells:
        found.setdefault((cell["data"], cell["partition"], cell["fold"]), []).append(cell)
    return list(found.values())


@dataclass
class _Asked:
    """A network of a fold and what it said so far; loaded when it is asked first."""

    key: str
    mark: str
    said: dict[Asked, Any]
    network: TrainedModel | None = None


def _fold(work: RobustnessJob, cells: Sequence[Mapping[str, Any]], done: int, progress: Progress) -> int:
    marks = {cell["key"]: work.store.mark(cell["key"]) for cell in cells}
    those = [_Asked(key, mark, robustness_cache.read(work.folder, key, mark)) for key, mark in marks.items()]
    for asked in work.asked:
        missing = [one for one in those if asked not in one.said]
        for one in missing:
            one.network = one.network or load(work.store, one.key)
        for alike in _alike(missing):
            _ask(work, alike, asked)
        done += len(those)
        progress(done, work.total)
    return done


def _alike(those: Sequence[_Asked]) -> list[list[_Asked]]:
    """Those with the same test scans in the same batches; in a study all of a fold are."""
    found: dict[tuple, list[_Asked]] = {}
    for one in those:
        tested, recipe = one.network.data.tested, one.network.record.trial.recipe
        place = (tested.prepared.fingerprint, tuple(tested.rows.tolist()), recipe.batch_size, recipe.threads)
        found.setdefault(place, []).append(one)
    return list(found.values())


def _ask(work: RobustnessJob, those: Sequence[_Asked], asked: Asked) -> None:
    threads = those[0].network.record.trial.recipe.threads
    be_deterministic(threads)
    with threadpool_limits(threads):  # as in the run: predictions of the scans as they are are equal to the last bit
        answers = trained_networks.said([one.network for one in those], *asked)
    for one, answer in zip(those, answers, strict=True):
        one.said[asked] = answer
        robustness_cache.write(work.folder, one.key, one.mark, one.said)
