"""What a page says of arms that were not run: nothing about what they learnt, and one sentence for all of them."""

from __future__ import annotations

from synthetic_results import ArmSpec, DataSetSpec, write

from bench.report import tables
from bench.report.conclusions import answers
from bench.report.learnt_or_not import learnt_words
from bench.storage.record_store import Store

ARMS = {
    "base": ArmSpec(3.0),
    "new": ArmSpec(3.5),
    "constant": ArmSpec(0, scores=[0.5] * 5, family="floor"),
    "later": ArmSpec(missing=range(5)),
    "last": ArmSpec(missing=range(5)),
}


def found(root):
    plan = write(root, ARMS, [DataSetSpec(people=400)], floors=["constant"], blind=["constant"])
    (section,) = tables.section_tables(tables.gather(plan, Store(root)))
    return section


def test_contrasts_that_were_not_run_share_a_sentence(tmp_path):
    *_, last = words = answers(found(tmp_path))
    assert last == "Not tested, as no fold has both arms: later against base and last against base."
    assert not any("later" in each for each in words[:-1])


def test_an_arm_that_was_not_run_is_not_said_to_have_learnt_nothing(tmp_path):
    words = learnt_words(found(tmp_path))
    assert words.startswith("2 of 2 arms learnt")
    assert words.endswith("; not tested: later and last")
