"""What a publisher's split flatters: the score on his test part, with and without groups learnt from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from bench.report.tables.results import DatasetResults


def publisher(section: DatasetResults) -> pd.DataFrame:
    """A row for each arm that was tested on a publisher's test part which shares groups with his training part.

    score: the primary metric on all test scans; unshared: on those whose group was not learnt from, NaN where there
    are none; test, shared: numbers of scans. Empty where nothing is shared.
    """
    rows = [row for row in (_row(section, arm) for arm in section.arms) if row]
    return pd.DataFrame(rows, columns=["arm", "runs", "test", "shared", "score", "unshared"])


def _row(section: DatasetResults, arm: str) -> dict[str, Any]:
    done = [run for run in section.of(arm) if run.done and run.record.sizes.get("test_shared")]
    if not done:
        return {}
    name, sizes = section.task.primary, done[0].record.sizes
    unshared = [run.record.metrics.get("unshared", {}).get(name, math.nan) for run in done]
    return {
        "arm": arm,
        "runs": len(done),
        "test": sizes["test"],
        "shared": sizes["test_shared"],
        "score": float(np.mean([run.score(name) for run in done])),
        "unshared": float(np.mean(unshared)),
    }
