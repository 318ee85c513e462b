"""Does the dynamic group mechanism of DCL-SE help, and at which position?

The only public ablation gains two scans of 57, with the epoch chosen on the test fold, and nothing without that
choice. Here the mechanism is a factor: at all four positions (the released network, the control), at none, at one.
Data sets that are not prepared are left out, and the report says so.
"""

from bench.core import Arm, Data, Factor, Recipe, Study

STUDY = Study(
    question="Does the dynamic group mechanism of DCL-SE help, and at which position?",
    datasets=[Data("ad_oasis"), Data("age_oasis")],
    base=Arm("dclse"),
    factors={
        "dgm": Factor(
            levels={
                "all": {"dgm": ["S1", "S4", "S6", "C1"]},
                "off": {"dgm": []},
                "S1": {"dgm": ["S1"]},
                "S4": {"dgm": ["S4"]},
                "S6": {"dgm": ["S6"]},
                "C1": {"dgm": ["C1"]},
            },
            control="all",
        )
    },
    arms={"constant": Arm("constant"), "linear (voxels)": Arm("linear")},
    floors=["constant", "linear (voxels)"],
    recipe=Recipe(steps=200, batch_size=8),
    missing="skip",
)
