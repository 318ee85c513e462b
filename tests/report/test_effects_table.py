"""Effects of factors: least squares on the records, corrected intervals, and what a design cannot separate."""

from __future__ import annotations

import io
import itertools
import math
import re
from itertools import combinations as pairs_of
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factor_studies import study
from matplotlib.text import Text
from people_oracle import over_people, placements, stored
from rich.console import Console
from scipy import stats as scipy_stats
from synthetic_results import AGE, ArmSpec, DataSetSpec, with_data, write

from bench import registry, report
from bench.core import Arm, Design
from bench.experiments import plan
from bench.experiments.plan.factors import planned_design
from bench.report import tables
from bench.report.figures.effects_figure import draw_effects
from bench.report.figures.interactions_figure import draw_interactions
from bench.report.tables.effects_table import effects, weights
from bench.report.tables.number_format import MINUS, TIMES
from bench.report.terminal import terminal
from bench.storage.record_store import Store

STORED = Path(__file__).parents[2] / "results" / "reference" / "ablation_dgm"
DATA = (DataSetSpec(),)
JOINED = f" {TIMES} "


def gathered(root, requested, made=DATA, overrides=(), **entries):
    """Results of a study whose arms have random scores. overrides: arms with their own specification."""
    arms = {label: dict(overrides).get(label, ArmSpec(0.2 + 0.05 * n)) for n, (label, _) in enumerate(requested.rows())}
    entries = {"contrasts": [list(pair) for pair in plan.contrasts(requested)], "reference": "control", **entries}
    return tables.gather(write(root, arms, made, design=planned_design(requested), **entries), Store(root))


def least_squares(section, requested, averaged):
    """Coefficients of statsmodels' OLS on the runs, with folds as blocks: (factor, level) or two of them -> number."""
    from statsmodels.formula.api import ols

    rows, names = [], {name: f"f{n}" for n, name in enumerate(requested.factors)}
    for arm, levels in requested.combinations().items():
        places = section.scores(arm).items()
        rows += [
            {"score": score, "block": f"{p}.{f}.{s}", **{names[n]: v for n, v in levels.items()}}
            for (p, f, s), score in places
        ]
    coding = "Sum" if averaged else "Treatment"
    terms = {name: f"C({names[name]}, {coding})" for name in names}
    formula = " + ".join(
        [*terms.values(), *(f"{terms[one]}:{terms[two]}" for one, two in requested.design.interactions)]
    )
    frame = pd.DataFrame(rows)
    fitted = ols(f"score ~ {formula} + C(block)", frame).fit()
    return fitted, frame, names


def predicted(fitted, frame, names, requested, fixed):
    """Mean of what the fitted model says where some factors are set, over all combinations of the others."""
    others = [name for name in requested.factors if name not in fixed]
    choices = [list(requested.factors[name].levels) for name in others]
    rows = [{**fixed, **dict(zip(others, chosen, strict=True))} for chosen in itertools.product(*choices)]
    grid = pd.DataFrame([{names[n]: v for n, v in row.items()} for row in rows]).assign(block=frame["block"].iloc[0])
    return fitted.predict(grid).mean()


def expected(section, requested, entry):
    """The effect of an entry by statsmodels: by predictions, so that no coding of factors is taken for granted."""
    single = requested.design.kind == "single"
    fitted, frame, names = least_squares(section, requested, averaged=not single)
    factors = entry["factor"].split(JOINED)
    levels = dict(zip(factors, entry["level"].split(JOINED), strict=True))
    controls = {name: factor.control for name, factor in requested.factors.items()}
    at = controls if single else {}

    def mean(chosen):
        return predicted(fitted, frame, names, requested, {**at, **chosen})

    total = 0.0
    for on in itertools.product((0, 1), repeat=len(factors)):
        chosen = {f: levels[f] if there else controls[f] for f, there in zip(factors, on, strict=True)}
        total += (-1) ** (len(factors) - sum(on)) * mean(chosen)
    return total


DESIGNS = {
    "one factor at a time": study(),
    "pairs beside the single levels": study(Design(interactions=[("a", "b")])),
    "every combination": study(Design("full", interactions=[("a", "b"), ("b", "c")])),
    "half a fraction": study(Design("fractional", {"d": ("a", "c")}), "acd"),
    **{name: registry.study(name) for name in ("ablation_dgm", "ablation_arp", "ablation_dcl")},
}


@pytest.mark.parametrize("name", DESIGNS)
def test_effects_are_those_of_ordinary_least_squares(name, tmp_path):
    requested = DESIGNS[name]
    small = {"folds": 2, "seeds": 2 if name.startswith("every") else 1}
    (section,) = (results := gathered(tmp_path, requested, (DataSetSpec(people=30),), **small)).sections
    frame = effects(results)
    assert len(frame) >= len(requested.factors)
    for entry in frame.to_dict("records"):
        assert entry["difference"] == pytest.approx(expected(section, requested, entry), abs=1e-9)


def test_effects_on_the_stored_scores_are_the_stored_contrasts_and_least_squares():
    from statsmodels.formula.api import ols

    requested = registry.study("ablation_dgm")
    stored = pd.read_csv(STORED / "scores.csv").set_index("arm")["score"]
    contrasts = pd.read_csv(STORED / "contrasts.csv").set_index("arm")["improvement"]
    names = {name: f"f{n}" for n, name in enumerate(requested.factors)}
    rows = [
        {"score": stored[arm], **{names[n]: v for n, v in levels.items()}}
        for arm, levels in requested.combinations().items()
    ]
    terms = (f"C({names[n]}, Treatment({f.control!r}))" for n, f in requested.factors.items())
    fitted = ols(f"score ~ {' + '.join(terms)}", pd.DataFrame(rows)).fit()
    found = weights(planned_design(requested))
    assert len(found) == 9
    for effect, shares in found.items():
        ((factor, level),) = effect.levels
        size = sum(weight * stored[arm] for arm, weight in shares.items())
        assert size == pytest.approx(contrasts[f"{factor}={level}"], abs=1e-12)
        (coefficient,) = (
            v for k, v in fitted.params.items() if k.startswith(f"C({names[factor]},") and f".{level}]" in k
        )
        assert size == pytest.approx(coefficient, abs=1e-9)


def test_an_effect_of_a_factorial_design_is_tested_over_folds_with_the_correction(tmp_path):
    requested = study(Design("full", interactions=[("a", "c")]), "ac", arms={})
    (section,) = (results := gathered(tmp_path, requested, folds=4)).sections
    main = effects(results).set_index("factor").loc["a"]
    one = np.array([[section.scores(arm)[0, fold, 0] for fold in range(4)] for arm in ("a=a1", "a=a1, c=c1")])
    other = np.array([[section.scores(arm)[0, fold, 0] for fold in range(4)] for arm in ("control", "c=c1")])
    gains = one.mean(axis=0) - other.mean(axis=0)
    sizes = [run.record.sizes for run in section.of("control")]
    ratio = np.mean([size["test"] / size["train"] for size in sizes])
    se = math.sqrt(gains.var(ddof=1) * (1 / 4 + ratio))
    assert main["improvement"] == pytest.approx(gains.mean())
    assert main["se_folds"] == pytest.approx(se)
    assert main["p_folds"] == pytest.approx(2 * scipy_stats.t.sf(abs(gains.mean() / se), 3))


def test_an_effect_is_tested_over_people_by_the_weights_of_its_arms(tmp_path):
    asked = study(Design("full", interactions=[("a", "c")]), "ac", arms={})
    (section,) = (results := gathered(tmp_path, asked, folds=4)).sections
    main = effects(results).set_index("factor").loc["a"]
    arms = [stored(section, arm) for arm in ("a=a1", "a=a1, c=c1", "control", "c=c1")]
    sizes = section.of("control")[0].record.sizes
    sums = [
        sum(sign * placements(fold[0], fold[1]) / 2 for sign, fold in zip((1, 1, -1, -1), folds, strict=True))
        for folds in zip(*arms, strict=True)
    ]
    labels, people = [fold[0] for fold in arms[0]], [fold[2] for fold in arms[0]]
    expected = over_people(sums, labels, people, sizes["train"], sizes["test"], 4)
    assert (main["se"], main["df"], main["p"]) == pytest.approx((expected.se, expected.df, expected.p))


def test_seeds_are_averaged_before_anything_is_tested(tmp_path):
    (found,) = tables.section_tables(gathered(tmp_path, study(names="ac"), folds=3, seeds=3))
    assert (found.effects["people"] == 100).all()
    assert set(found.effects["folds"]) == {3}


def test_a_fold_without_one_of_the_arms_of_an_effect_is_left_out_of_that_effect(tmp_path):
    requested = study(names="ac")
    (found,) = tables.section_tables(
        gathered(tmp_path, requested, overrides={"a=a1": ArmSpec(0.3, failed={1: "nan"})}, folds=3)
    )
    effects = found.effects.set_index("factor")
    assert list(effects["folds"]) == [2, 3]
    assert "not final, 2 of 3 folds" in effects.loc["a", "verdict"]
    (found,) = tables.section_tables(
        gathered(tmp_path / "never", requested, overrides={"a=a1": ArmSpec(refused="cannot")}, folds=3)
    )
    assert "not tested" in found.effects.set_index("factor").loc["a", "verdict"]


def test_an_effect_that_is_a_declared_contrast_is_one_test(tmp_path):
    (found,) = tables.section_tables(gathered(tmp_path, study(names="ac", arms={"new": Arm("net")}), folds=3))
    assert len(found.contrasts) == 3
    assert set(found.effects["tests"]) == set(found.contrasts["tests"]) == {3}
    both = found.effects.merge(found.contrasts, on=["arm", "against"])
    assert len(both) == 2
    assert list(both["p_holm_x"]) == list(both["p_holm_y"])


def test_the_combinations_of_a_factorial_design_are_no_contrasts_of_their_own(tmp_path):
    requested = study(Design("full", interactions=[("a", "b")]), "ab", arms={"new": Arm("net")})
    assert plan.contrasts(requested) == [("new", "control")]
    (found,) = tables.section_tables(gathered(tmp_path, requested, folds=2))
    assert set(found.effects["tests"]) == {1 + 3 + 2}  # the contrast, three levels, two interactions


def test_a_lower_error_is_a_positive_effect(tmp_path):
    requested = study(names="a", arms={})
    overrides = {"control": ArmSpec(scores=[5.0, 6.0, 7.0]), "a=a1": ArmSpec(scores=[4.0, 4.5, 6.0])}
    (row,) = effects(gathered(tmp_path, requested, (DataSetSpec(task=AGE),), overrides, folds=3)).to_dict("records")
    assert row["improvement"] == pytest.approx(3.5 / 3)
    assert row["difference"] == pytest.approx(-3.5 / 3)


def test_what_is_one_arm_on_a_data_set_has_no_effect_there(tmp_path):
    requested = study(Design("full"), "ac", arms={})
    results = gathered(tmp_path, requested, folds=2)
    plan = with_data(results.plan, 0, alike={"a=a1": "control", "a=a1, c=c1": "c=c1"})
    (row,) = effects(tables.gather(plan, Store(tmp_path))).to_dict("records")
    assert (row["factor"], row["arm"], row["against"]) == ("c", "c=c1", "control")


def test_the_effects_stand_in_every_form_of_the_report(tmp_path, one_format):
    requested = study(Design("full", interactions=[("a", "b")]), "ab", arms={"new": Arm("net")})
    gathered(tmp_path, requested, folds=2)
    page = report.build("toy", tmp_path)
    words = (page.parent / "report.md").read_text()
    assert "### Effects of the factors" in words
    assert f"The interaction a{JOINED}b: a1{JOINED}b2 is an improvement of" in words
    assert "Design: every combination of levels, 6 combinations." in words
    assert "Effects of the factors" in page.read_text()
    assert "effects" in (page.parent / "tables.tex").read_text()
    assert list(pd.read_csv(page.parent / "effects.csv")["effect"]) == ["main"] * 3 + ["interaction"] * 2
    drawn = {path.name for path in (page.parent / "figures").iterdir()}
    assert {"ad_toy-effects.svg", "ad_toy-interactions.svg"} <= drawn


def test_a_study_without_factors_has_no_effects(tmp_path, one_format):
    write(tmp_path, {"a": ArmSpec(), "b": ArmSpec()}, folds=2)
    page = report.build("toy", tmp_path)
    assert not (page.parent / "effects.csv").exists()
    assert "Effects" not in page.read_text()


def in_terminal(results):
    """The lines that a run prints at its end, in a terminal of 120 columns."""
    console = Console(width=120, file=io.StringIO())
    console.print(terminal(tables.section_tables(results)))
    return console.file.getvalue().splitlines()


def test_the_effects_of_a_factorial_design_stand_below_the_scores_in_a_terminal(tmp_path):
    requested = study(Design("full", interactions=[("a", "b")]), "ab", arms={})
    results = gathered(tmp_path, requested, folds=3)
    lines = in_terminal(results)
    (head,) = (n for n, line in enumerate(lines) if re.match(r"factor +level +against +effect +95 % +verdict", line))
    assert head > max(n for n, line in enumerate(lines) if "3/3" in line)
    entries = effects(results).to_dict("records")
    rows = [re.split(r"  +", line.strip()) for line in lines[head + 1 : head + 1 + len(entries)]]
    assert [row[:3] for row in rows] == [[entry[name] for name in ("factor", "level", "control")] for entry in entries]
    assert [float(row[3].replace(MINUS, "-")) for row in rows] == [round(entry["improvement"], 3) for entry in entries]
    limits = [[float(each) for each in re.findall(r"-?[.\d]+", row[4].replace(MINUS, "-"))] for row in rows]
    assert limits == [[round(entry[side], 3) for side in ("low", "high")] for entry in entries]
    assert all(row[5] for row in rows)


def test_a_terminal_has_no_second_row_for_effects_that_are_all_contrasts(tmp_path):
    lines = in_terminal(gathered(tmp_path, study(names="ac"), folds=3))
    assert sum("a=a1" in line and "control" in line for line in lines) == 1
    assert not any(line.startswith("factor") for line in lines)


def boxes(made):
    made.canvas.draw()
    renderer = made.canvas.get_renderer()
    texts = [text for text in made.findobj(Text) if text.get_visible() and text.get_text().strip()]
    hidden = [
        tick.label1
        for axes in made.axes
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for tick in axis.get_major_ticks()
        if not axes.axison or not min(low, high) <= tick.get_loc() <= max(low, high)
    ]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text not in hidden]


@pytest.mark.parametrize("name", ["every combination", "ablation_arp"])
def test_no_text_of_the_figures_overlaps(name, tmp_path):
    requested = DESIGNS[name]
    (found,) = tables.section_tables(gathered(tmp_path, requested, (DataSetSpec(people=30),), folds=2))
    made = [draw_effects(found.section, found.effects)]
    made += [draw_interactions(found.section)] if requested.design.interactions else []
    for one in made:
        width, height = one.canvas.get_width_height()
        for text, box in (words := boxes(one)):
            assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -1, text
        for (text, first), (other, second) in pairs_of(words, 2):
            across = min(first.x1, second.x1) - max(first.x0, second.x0)
            down = min(first.y1, second.y1) - max(first.y0, second.y0)
            assert min(across, down) <= 1, (text, other)
