"""The table of arms: what each of them sees, where data sets are not all seen in one way."""

from __future__ import annotations

from types import SimpleNamespace

from bench.report.tables.arms_table import arms_body
from bench.report.tables.number_format import NOTHING, TIMES


def section(name, **views):
    """A data set with one finished run of every arm, which saw it so."""
    trial = SimpleNamespace(
        method=SimpleNamespace(name="net", version=1, params={}), recipe=SimpleNamespace(steps=9),
        curriculum=SimpleNamespace(name="none", params={}),
    )  # fmt: skip
    runs = {
        arm: SimpleNamespace(
            done=shape is not None,
            cell=SimpleNamespace(method="net"),
            record=SimpleNamespace(trial=trial, resolved={"view": {"kind": kind}, "shape": shape, "method": {}}),
        )
        for arm, (kind, shape) in views.items()
    }
    return SimpleNamespace(name=name, arms=list(views), of=lambda arm: [runs[arm]])


def view_column(*sections):
    """The column *View* by arm."""
    table = arms_body(SimpleNamespace(sections=sections))
    at = table.columns.index("View")
    return {row[0]: row[at] for row in table.rows}


def test_one_view_of_all_data_sets_is_listed_once():
    volume = ("volume", (1, 8, 8, 8))
    assert view_column(section("a", net=volume), section("b", net=volume)) == {
        "net": f"volume (1 {TIMES} 8 {TIMES} 8 {TIMES} 8)"
    }


def test_different_views_are_listed_with_their_data_sets():
    slices, image = ("dynamic", (3, 8, 8)), ("image", (1, 9, 9))
    found = view_column(section("a", net=slices), section("b", net=image), section("c", net=slices))
    assert found == {"net": f"a, c: dynamic (3 {TIMES} 8 {TIMES} 8); b: image (1 {TIMES} 9 {TIMES} 9)"}


def test_an_arm_without_a_finished_run_has_none():
    assert view_column(section("a", net=("dynamic", None))) == {"net": NOTHING}


def test_an_augmentation_is_listed_with_what_it_draws():
    one = section("a", net=("volume", (1, 8, 8, 8)))
    resolved = one.of("net")[0].record.resolved
    resolved |= {"method": {"augment": "light", "lr": 0.1}, "augmentation": "flip p=0.5; noise p=0.15"}
    row = arms_body(SimpleNamespace(sections=[one])).rows[0]
    assert row[-1] == "augment=light [flip p=0.5; noise p=0.15], lr=0.1"
