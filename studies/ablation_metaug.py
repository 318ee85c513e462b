"""Do the learnt augmentations of MetAug do anything, at their published weights or at larger ones?

A network is pretrained without labels on the people of OASIS-1 outside the validation and test parts: by the unified
contrastive loss alone, with the terms of augmented features and margins at their published weights of 1e-5 and 1e-11,
and with both at 1. Then it is trained on dementia, whole or its output layer alone.

Expected: at the published weights the gradient differs by less than a thousandth from that without the terms, so the
scores are equal but for chance. Primary: the published weights against none, and weights of 1 against none, both for
whole networks. `bench plan`: 80 % of such studies would show a difference of 0.17 AUC on ad_oasis (0.05 takes 20
partitions and 1,400 people). Result: no difference shown; the published weights are 0.025 AUC
above no terms, weights of 1 are 0.010 above (results/reference/ablation_metaug). Cost: two hours of one core.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS, LIGHT
from studies.pretraining import NETWORK, PROBE, SCANS

WEIGHTS = {"no terms": (0.0, 0.0), "published weights": (1e-5, 1e-11), "weights of 1": (1.0, 1.0)}


def way(augmented: float, margin: float) -> dict:
    """The parameters of a network that MetAug pretrains with these weights of its terms."""
    terms = {"loss": "metaug", "augmented_weight": augmented, "margin_weight": margin}
    return {**NETWORK, **SCANS, "pretrain_batch": 32, "pretrain_params": terms}


STUDY = Study(
    question="Do the learnt augmentations of MetAug do anything, at their published weights or at larger ones?",
    datasets=[Data("ad_oasis")],
    reference="no terms",
    arms={
        **{name: Arm("sfcn", way(*weights)) for name, weights in WEIGHTS.items()},
        **{f"{name}, probe": Arm("sfcn", {**way(*weights), **PROBE}) for name, weights in WEIGHTS.items()},
        "random start": Arm("sfcn", NETWORK),
        **FLOORS,
    },
    contrasts=[
        ("published weights", "no terms"),
        ("weights of 1", "no terms"),
        ("no terms", "random start"),
        ("published weights, probe", "no terms, probe"),
        ("weights of 1, probe", "no terms, probe"),
    ],
    primary=[("published weights", "no terms"), ("weights of 1", "no terms")],
    floors=list(FLOORS),
    partitions=1,
    recipe=Recipe(steps=300, batch_size=8, points=10),
    light=LIGHT,
)
