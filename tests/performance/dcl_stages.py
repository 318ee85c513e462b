"""Which stage of DCL-SE leads as it learns? A row of CSV for each evaluation point and reading of the Cur sets.

Run as `python tests/performance/dcl_stages.py EFFECT STEPS [READING ...]`: a phantom of dementia with 160 people, the
first fold, one seed, images of 64 x 64 pixels, batches of 8. `learnt`: the share of the labels that a stage and those
before it have learnt beyond chance. `weight`: of the stage's loss.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import registry
from bench.core import Recipe, Trial
from bench.data.prepare import open_prepared, prepare
from bench.experiments.run_trial import run
from bench.storage.record_store import Store

STAGES = ("S1", "S4", "S6", "C1")
QUANTITIES = tuple(f"{word} {stage}" for word in ("learnt", "weight") for stage in STAGES)
COLUMNS = ("effect", "reading", "step", "val", *QUANTITIES)


def followed(effect: float, steps: int, reading: str, points: int = 10) -> Iterator[dict[str, object]]:
    """Train one network and give what its stages had learnt, and their weights, at every evaluation point."""
    params = {"effect": effect, "subjects": 160}
    prepare("phantom_ad", params=params)
    data = replace(
        registry.spec("datasets", "phantom_ad", params), fingerprint=open_prepared("phantom_ad", params).fingerprint
    )
    view = {"kind": "dynamic", "size": 64}
    method = registry.spec("methods", "dclse", {"view": view, "auxiliary": True, "dcl": "cur", "dcl_reading": reading})
    recipe = Recipe(steps=steps, batch_size=8, points=points, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        record = run(Trial(data, method, fold=0, recipe=recipe), Store(Path(folder)))
    for point in record.curve:
        found = {"effect": effect, "reading": reading, "step": point["step"], "val": round(point["val"], 3)}
        yield found | {name: round(point["watched"][name], 3) for name in QUANTITIES}


def main(effect: str, steps: str, *readings: str) -> None:
    """Print the rows."""
    writer = csv.DictWriter(sys.stdout, COLUMNS)
    writer.writeheader()
    for reading in readings or ("conditional", "corrected", "union"):
        writer.writerows(followed(float(effect), int(steps), reading))
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
