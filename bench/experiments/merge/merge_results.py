"""Merges folders of results: records of each trial once, plans joined, and nothing that does not belong together."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.core import BenchError, Record, plural
from bench.core.study_plan import StudyPlan
from bench.experiments.merge.merged_plans import merge_plans
from bench.storage import robustness_cache, tuned_file
from bench.storage.atomic_io import disk_errors, remove_tree
from bench.storage.provenance import format_code_version
from bench.storage.record_store import Store
from bench.storage.stored_plan import read_plan, write_plan

_KEY = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True)
class MergeSummary:
    """What was merged.

    Attributes
    ----------
    studies : tuple of str
        Names of the studies.
    records : int
        Number of records.
    twice : int
        Trials that several folders have a record of.
    damaged : int
        Records that were left out because a file of them is not what was written.
    codes : tuple of str
        Versions of the code that made the records.
    """

    studies: tuple[str, ...]
    records: int
    twice: int
    damaged: int
    codes: tuple[str, ...]

    def lines(self) -> list[str]:
        """The summary in words; people and scans are not named."""
        twice = "for each the one that started first was taken, whatever its scores"
        return [
            f"{plural(self.records, 'record')} of {plural(len(self.studies), 'study', 'studies')}:"
            f" {', '.join(self.studies)}",
            *([f"{plural(self.twice, 'trial')} with several records: {twice}"] if self.twice else []),
            *(
                [f"{plural(self.damaged, 'damaged record')} left out: these trials count as open"]
                if self.damaged
                else []
            ),
            *([f"made by unlike code: {'; '.join(self.codes)}"] if len(self.codes) > 1 else []),
        ]


def merge_results(sources: Sequence[Path], out: Path, unlike_code: bool = False) -> MergeSummary:
    """Merge folders of results into a new one.

    Parameters
    ----------
    sources : sequence of Path
        Two folders or more, each with `trials` and folders of studies.
    out : Path
        A folder that is missing or empty.
    unlike_code : bool
        Whether records of different versions of the code may be merged.

    Returns
    -------
    MergeSummary
        What was merged.

    Raises
    ------
    BenchError
        If the folders do not belong together; then nothing is written.
    """
    _check_folders(sources, out)
    plans = _plans(sources)
    tuned = {name: path for name in plans if (path := _tuned(name, sources))}
    stores = [Store(source) for source in sources]
    chosen, twice, damaged = _chosen(stores)
    codes = Counter(format_code_version(record.provenance) for record, _ in chosen.values())
    if len(codes) > 1 and not unlike_code:
        counts = "; ".join(f"{code} ({plural(count, 'record')})" for code, count in codes.items())
        raise BenchError(
            f"the records were made by unlike code: {counts}. Small differences may come from that alone. Run the"
            " trials with one version, or add --unlike-code: the report then says so"
        )
    with _whole_or_nothing(out) as folder:
        _write(chosen, stores, folder)
        for name, plan in plans.items():
            write_plan(folder / name / "plan.json", plan)
            _copy_extras(name, tuned.get(name), chosen, folder)
    return MergeSummary(tuple(plans), len(chosen), twice, damaged, tuple(codes))


def _check_folders(sources: Sequence[Path], out: Path) -> None:
    places = [source.resolve() for source in sources]
    if len(set(places)) < 2:
        raise BenchError("name two different folders of results or more")
    for source in sources:
        if not (source / "trials").is_dir():
            raise BenchError(f"{source} is no folder of results: it has no folder `trials`")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BenchError(f"--out {out} exists already; give a new folder, as merging never changes results")
    if any(out.resolve().is_relative_to(place) for place in places):
        raise BenchError(f"--out {out} lies in one of the folders that are merged; give a folder beside them")


def _plans(sources: Sequence[Path]) -> dict[str, StudyPlan]:
    """Study -> its joined plan. BenchError if they do not agree or are of another protocol."""
    found: dict[str, list[tuple[str, StudyPlan]]] = {}
    for source in sources:
        for path in sorted(source.glob("*/plan.json")):
            found.setdefault(path.parent.name, []).append((str(source), read_plan(path)))
    if not found:
        raise BenchError("none of these folders has a study with a plan.json; nothing to merge")
    return {name: merge_plans(plans) for name, plans in found.items()}


def _chosen(stores: Sequence[Store]) -> tuple[dict[str, tuple[Record, Store]], int, int]:
    """Key -> the record that is taken and its store; the number of keys with several records, and of damaged ones."""
    found: dict[str, list[tuple[Record, Store]]] = {}
    damaged = 0
    for store in stores:
        for path in sorted(path for path in store.trials.iterdir() if _KEY.fullmatch(path.name)):
            record = store.verified(path.name, weights=True)
            damaged += record is None
            if record is not None:
                found.setdefault(path.name, []).append((record, store))
    twice = sum(len({store.mark(key) for _, store in pairs}) > 1 for key, pairs in found.items())
    return {key: min(pairs, key=_precedence) for key, pairs in found.items()}, twice, damaged


@contextmanager
def _whole_or_nothing(out: Path) -> Iterator[Path]:
    """Yield a folder that takes the place of `out` when it is complete; a killed merge leaves no `out`."""
    place = out.resolve()
    unfinished = place.with_name(f".{place.name}.unfinished")
    remove_tree(unfinished)
    try:
        yield unfinished
        with disk_errors(place.parent):
            if place.exists():  # an empty folder, in which somebody may work
                for part in sorted(unfinished.iterdir(), key=lambda part: part.name != "trials"):
                    part.rename(place / part.name)
            else:
                unfinished.rename(place)
    finally:
        remove_tree(unfinished)


def _precedence(pair: tuple[Record, Store]) -> tuple[bool, str]:
    """A finished trial before a failed one; of two the one that started first: scores have no say."""
    record, _ = pair
    return record.status == "failed", str(record.provenance.get("started", ""))


def _write(chosen: dict[str, tuple[Record, Store]], stores: Sequence[Store], out: Path) -> None:
    target = Store(out)
    target.open()
    for key, (_, store) in sorted(chosen.items()):
        with disk_errors(store.trials):
            files = {path.name: path.read_bytes() for path in sorted(store.folder(key).iterdir()) if path.is_file()}
        target.receive(key, files)


def _tuned(name: str, sources: Sequence[Path]) -> Path | None:
    """The file of the tuned parameters of a study, if there is one. BenchError if there are different ones."""
    files = [path for source in sources if (path := source / name / tuned_file.FILE).is_file()]
    if len({path.read_bytes() for path in files}) > 1:
        raise BenchError(f"the study {name} was tuned differently in {files[0].parent} and {files[1].parent}")
    return files[0] if files else None


def _copy_extras(name: str, tuned: Path | None, chosen: dict[str, tuple[Record, Store]], out: Path) -> None:
    """Copy tuned parameters, and the predictions on corrupted scans of the records that were taken."""
    with disk_errors(out):
        if tuned:
            shutil.copyfile(tuned, out / name / tuned_file.FILE)
        for key, (_, store) in chosen.items():
            path = robustness_cache.folder_of(store.root, name) / f"{key}.npz"
            if path.is_file():
                target = robustness_cache.folder_of(out, name)
                target.mkdir(exist_ok=True)
                shutil.copyfile(path, target / path.name)
