"""How does the score of an arm develop over the steps? A line of JSON for each training, resumable.

Run as `python tests/performance/score_over_steps.py FILE --weights FOLDER` with the sets prepared in `$BENCH_DATA`;
lines that FILE holds are not trained again. `--only WORD` trains the arms whose label contains the word; `--sizes` ends
each training after two steps, to measure what it costs. Arms that begin with a file of weights are left out, with a
message, where FOLDER lacks it. Each line has the score of the validation part and of the test part at each evaluation
point; the budget of an arm is to be read from the validation part. One fold, one seed: a curve says what a budget does
to an arm, not which arm is better.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import Recipe, Split, Trial
from bench.data.prepare import open_prepared
from bench.experiments.plan.dependencies import DependencyResolver
from bench.experiments.run_trial import run
from bench.storage.record_store import Store

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from performance.budget_arms import SETS, Followed

POINTS = 10


def trained(data: str, arm: Followed, params: Mapping[str, Any], steps: int, batch_size: int) -> dict[str, Any]:
    """Train one network, after its teachers, on the first fold and score every evaluation point."""
    prepared = open_prepared(data, {})
    chosen = replace(registry.spec("datasets", data, {}), fingerprint=prepared.fingerprint)
    recipe = Recipe(steps=steps, batch_size=batch_size, points=POINTS, threads=1)
    resolver = DependencyResolver()
    spec, split = registry.spec("methods", arm.method, dict(params)), Split(fraction=arm.people)
    trial = resolver.resolve(Trial(chosen, spec, fold=0, recipe=recipe, split=split))
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for each in (*resolver.before(trial), trial):
            begun = time.process_time()
            record = run(each, store, keep=each is not trial)
            spent.append(time.process_time() - begun)
    if record.status != "done":
        return {"status": record.status, "why": record.error["message"]}
    return {
        "steps": [point["step"] for point in record.curve],
        "train_loss": [round(point["train_loss"], 4) for point in record.curve],
        "val": [round(point["val"], 4) for point in record.curve],
        "test": [round(point["test"], 4) for point in record.curve],
        "selected": record.resolved["selected_step"],
        "cpu_seconds": round(spent[-1], 1),
        **({"teacher_cpu_seconds": round(sum(spent[:-1]), 1)} if spent[1:] else {}),
        "parameters": record.cost["parameters"],
    }


def chosen_params(arm: Followed, folder: Path | None) -> dict[str, Any] | None:
    """The parameters of an arm, with its file of weights and the checksum of that; None if the file is missing."""
    if not arm.weights:
        return dict(arm.params)
    file = folder / f"{arm.weights}.safetensors" if folder else None
    if file is None or not file.exists():
        return None
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    return {**arm.params, "weights": str(file), "checksum": checksum, "pretrained_on": ["none"]}


def missing(datasets: Sequence[str], word: str, done: set[tuple[str, str]]) -> Iterator[tuple[str, str, Followed]]:
    """(data set, label, arm) of what was asked for and is not done."""
    for data in datasets:
        for label, arm in SETS[data][0].items():
            if word in label and (data, label) not in done:
                yield data, label, arm


def main(words: Sequence[str] | None = None) -> None:
    """Train what the file does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--datasets", nargs="*", default=list(SETS), choices=list(SETS))
    asked = parser.parse_args(words)
    lines = asked.file.read_text().splitlines() if asked.file.exists() else []
    done = {(line["data"], line["arm"]) for line in map(json.loads, lines)}
    for data, label, arm in missing(asked.datasets, asked.only, done):
        params = chosen_params(arm, asked.weights)
        if params is None:
            print(f"{data}, {label}: left out; no {arm.weights}.safetensors in --weights", file=sys.stderr)
            continue
        _, steps, batch_size = SETS[data]
        row = {"data": data, "arm": label, "family": arm.family}
        row |= trained(data, arm, params, 2 if asked.sizes else arm.steps or steps, batch_size)
        with asked.file.open("a") as out:
            print(json.dumps(row), file=out)


if __name__ == "__main__":
    main()
