"""A part of a study with a wrong type is named in the error, whatever is in its place."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Annotated

import pytest

from bench import registry
from bench.cli import main
from bench.core import Arm, BenchError, Data, Design, Factor, Light, RandomLabels, Recipe, Study, Tuning
from bench.core.limits import AtLeast
from bench.core.study_schema import check_form
from bench.experiments.plan import check

WHOLE = Study(
    "Why?",
    [Data("phantom_ad")],
    arms={"constant": Arm("constant"), "lin": Arm("linear")},
    base=Arm("dclse"),
    factors={"dgm": Factor({"on": {}, "off": {"dgm": "none"}}, "on")},
    contrasts=[("lin", "control")],
    floors=["constant"],
    again="lin",
    random_labels=RandomLabels("lin", 2),
    margin=0.1,
    light=Light(Recipe(steps=2)),
    tuning=Tuning(),
)
OTHERS = [None, 0, -1, 1.5, float("nan"), "", "x", b"x", [], ["x"], [1], (1, 2), {}, {"a": 1}, {1: 2}, True, object()]
OTHERS += [Arm("constant"), Arm, Data("phantom_ad"), Recipe(), Factor({}, ""), Design(), {"a": Arm("constant", {1: 2})}]
OTHERS += [[("a",)], ["ab"], [("lin", "lin")], {"lin"}, lambda: 0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"factors": {"dgm": Factor({"on": 4, "off": 2}, "on")}},
            r"factors 'dgm': levels 'on' must be a mapping .*, not 4",
        ),
        (
            {"factors": {"dgm": Factor(["on", "off"], "on")}},
            r"factors 'dgm': levels must be a mapping .*\['on', 'off'\]",
        ),
        ({"factors": {"dgm": "off"}}, "factors 'dgm' must be a Factor, not 'off'"),
        ({"arms": {"a": "linear"}}, "arms 'a' must be an Arm, not 'linear'"),
        ({"arms": {"a": Arm("linear", {1: 2})}}, "arms 'a': params: a name must be a string, not 1"),
        ({"datasets": ["phantom_ad"]}, r"datasets\[0\] must be a Data, not 'phantom_ad'"),
        ({"datasets": "phantom_ad"}, "datasets must be a list of Data, not 'phantom_ad'"),
        ({"datasets": []}, "has no data sets; give at least one"),
        ({"recipe": {"steps": 3}}, "recipe must be a Recipe, not {'steps': 3}"),
        ({"contrasts": ["ab"]}, r"contrasts\[0\] must be a pair of strings, not 'ab'"),
        ({"contrasts": [("lin", "nobody")]}, "has no arm 'nobody'"),
        ({"contrasts": [("lin", "lin")]}, "compares the arm 'lin' with itself"),
        ({"primary": "dgm"}, "primary must be a list of pairs of strings or strings, not 'dgm'"),
        ({"primary": [("lin",)]}, r"primary\[0\] must be a pair of strings"),
        ({"folds": "5"}, "folds must be an integer of at least 2, not '5'"),
        ({"margin": -0.1}, "the margin of equivalence must be above 0"),
        ({"arms": {"control": Arm("linear")}}, "two arms named 'control'"),
    ],
)
def test_a_wrong_part_is_named_with_what_it_should_be(changed, message):
    with pytest.raises(BenchError, match=f"the study s.*{message}"):
        check(replace(WHOLE, **changed), "s")


@pytest.mark.parametrize("part", [each.name for each in fields(Study)])
def test_a_part_of_a_wrong_type_is_named(part):
    with pytest.raises(BenchError, match=f"the study s: {part} must be .*, not <object object"):
        check_form(replace(WHOLE, **{part: object()}), "s")


def test_a_new_field_of_a_study_is_checked_by_its_annotation_alone():
    @dataclass(frozen=True)
    class Longer(Study):
        weeks: Annotated[int, AtLeast(3)] = 3
        rooms: Mapping[str, Sequence[str]] = field(default_factory=dict)

    longer = Longer(**{each.name: getattr(WHOLE, each.name) for each in fields(Study)})
    check_form(replace(longer, rooms={"a": ["b"]}), "s")
    with pytest.raises(BenchError, match="the study s: weeks must be an integer of at least 3, not 2"):
        check_form(replace(longer, weeks=2), "s")
    with pytest.raises(BenchError, match=r"the study s: rooms 'a'\[1\] must be a string, not 4"):
        check_form(replace(longer, rooms={"a": ["b", 4]}), "s")


def test_every_study_that_is_shipped_has_the_right_form():
    names = registry.names("studies")
    assert len(names) > 20
    for name in names:
        check_form(registry.study(name), name)


@pytest.mark.parametrize("part", [each.name for each in fields(Study)])
def test_whatever_stands_in_the_place_of_a_part_is_taken_or_refused_by_name(part):
    refusals = []
    for other in OTHERS:
        try:
            check(replace(WHOLE, **{part: other}), "s")
        except BenchError as error:
            refusals.append(str(error))
    assert refusals
    assert all("the study s" in each for each in refusals), refusals


@pytest.mark.parametrize("words", [["plan", "--study", "odd"], ["describe", "odd"], ["run", "--study", "odd"]])
def test_a_malformed_study_file_ends_with_one_message(tmp_path, monkeypatch, capsys, words):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "odd.py").write_text(
        textwrap.dedent("""
        from bench.core import Arm, Data, Factor, Study

        STUDY = Study("Why?", [Data("phantom_ad")], base=Arm("dclse"), factors={"dgm": Factor({"on": 4}, "on")})
    """)
    )
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.setattr("sys.argv", ["bench", *words])
    registry.clear_cache()
    with pytest.raises(SystemExit, match="2"):
        main()
    registry.clear_cache()
    assert capsys.readouterr().err.startswith("bench: the study odd: factors 'dgm': levels 'on' must be a mapping")
