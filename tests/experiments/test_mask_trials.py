"""Trials on masks that lack structures or are taught: the same records by one process and by Ray, and by name."""

from __future__ import annotations

import pytest
from record_comparison import without_times

from bench import run
from bench.core import Arm, Data, Recipe, Study
from bench.storage.record_store import Store

SMALL = {"channels": [4, 8], "units": 1}
MINING = {"learner": "unet3d", "learner_params": SMALL, "after": 0.0}
TAUGHT = {"loss": "paced_curriculum", "student": "unet3d", "student_params": SMALL, "teacher": ""}
ARMS = {
    "plain": Arm("unet3d", SMALL),
    "found": Arm("co_mining", MINING),
    "random": Arm("co_mining", {**MINING, "recover": "random"}),
    "paced": Arm("distil", {**TAUGHT, "paced_by": "random"}),
}


@pytest.mark.slow
def test_ray_and_one_process_give_the_same_records_of_incomplete_masks(plugins, tmp_path):
    data = [Data("tiny_spots", {"people": 6}, missing=share) for share in (0.5, 0.0)]
    study = Study("?", data, reference="plain", arms=ARMS, folds=2, partitions=1,
                  recipe=Recipe(steps=4, batch_size=2, points=2))  # fmt: skip
    for launcher in ("serial", "ray"):
        results = run(study, name="spots", launcher=launcher, results=tmp_path / launcher)
        assert results.status == {"done": 16, "failed": 0, "refused": 0, "open": 0}
    serial, parallel = (without_times(Store(tmp_path / launcher)) for launcher in ("serial", "ray"))
    assert len(serial) == 16  # the teacher of a student is the plain arm
    assert serial == parallel
    assert sum('"missing"' in record for record in serial.values()) == 8
