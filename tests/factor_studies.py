"""Studies of factors for the tests of designs and of effects."""

from __future__ import annotations

from dataclasses import replace

from bench.core import Arm, Data, Design, Factor, Study

LEVELS = {"a": ["a0", "a1"], "b": ["b0", "b1", "b2"], "c": ["c0", "c1"], "d": ["d0", "d1"]}


def study(design=Design(), names="abc", **changes):  # noqa: B008
    """A study of factors that each set a parameter of their own."""
    factors = {name: Factor({level: {name: level} for level in LEVELS[name]}, LEVELS[name][0]) for name in names}
    return replace(
        Study("?", [Data("ad_toy")], base=Arm("net"), factors=factors, arms={"floor": Arm("constant")}, design=design),
        **changes,
    )
