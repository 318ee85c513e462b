"""The keys of all trials of all shipped studies stay as they are, so existing records of them stay valid.

After a change of a study that is meant, run `python tests/house/test_pinned_keys.py` to write the digests again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bench import registry
from bench.core import DataSpec
from bench.experiments.plan import cells

GOLDEN = Path(__file__).parents[1] / "golden" / "trial_keys.json"
ALL = {"cells": 10292, "digest": "e16f68dc1e1e65561a67"}


def planned(name: str) -> list[bytes]:
    """Key, arm and role of every trial of a study on a data set whose fingerprint is f."""
    study, data = registry.study(name), [DataSpec("phantom_ad", fingerprint="f")]
    return [f"{cell.trial.key}{cell.arm}{cell.role}".encode() for cell in cells(study, data)]


def digest(lines: list[bytes]) -> dict[str, object]:
    return {"cells": len(lines), "digest": hashlib.sha256(b"".join(lines)).hexdigest()[:20]}


@pytest.mark.parametrize("name", registry.names("studies"))
def test_the_trial_keys_of_a_study_do_not_change(name):
    assert digest(planned(name)) == json.loads(GOLDEN.read_text())[name]


def test_the_trial_keys_of_all_studies_together_do_not_change():
    assert digest([line for name in registry.names("studies") for line in planned(name)]) == ALL


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({name: digest(planned(name)) for name in registry.names("studies")}, indent=1) + "\n")
