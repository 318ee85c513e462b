"""Does pretraining help where few people are labelled: on another label, or on the scans alone?

All people of OASIS-1 outside the validation and test parts of a fold are the pool: some 340, of whom 126 have a
dementia label that may be learnt. The same small 3D network begins with a pretraining on their age, with Barlow Twins
end to end and in four blocks, with masked autoencoding, plain and with the patch difficulty of Edge-MAE, and with a
contrast of slabs at different heights, each for as many steps as it is then trained on dementia. It learns from all
labelled people, from eight, and from one of each class. Probes train the output layer alone; that of a random network
is their control.

Expected: age first is worth .02 to .04 AUC with all labels, and more with few; in 300 steps and on 340 heads,
learning without labels is not detectably better than a random start; blocks need less memory and reach the same
score. Primary: age first and Barlow Twins against a random start, and blocks against end to end. `bench plan`: 80 %
of such studies would show a difference of 0.17 to 0.20 AUC on ad_oasis (0.05 takes 20 partitions and 2,000 people).
Result: no difference shown, in its primary arms on OASIS-1 (results/reference/pretraining). Cost: on phantoms, in the
light form, six minutes of one core (`bench plan --measure`); six of the arms on OASIS-1 took an hour of one core.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS, LIGHT

NETWORK = {"view.mm": 12.0, "channels": [32, 64, 128, 64]}  # three halvings leave 2 x 3 x 2 positions
PROBE = {"train": "head", "lr": 0.01}
AGE = {"pretrain_data": "age_oasis", "pretrain_params": {"loss": "l1"}}
SCANS = {"pretrain_data": "age_oasis", "pretrain_method": "self_supervised"}
WAYS = {
    "random start": {},
    "age first": AGE,
    "Barlow Twins": {**SCANS, "pretrain_batch": 32, "pretrain_params": {"loss": "barlow_twins"}},
    "Barlow Twins, blocks": {**SCANS, "pretrain_batch": 32, "pretrain_params": {"loss": "barlow_twins", "blocks": 4}},
    "masked": {**SCANS, "pretrain_params": {"loss": "masked"}},
    "masked, patch difficulty": {**SCANS, "pretrain_params": {"loss": "edge_masked"}},
    "partitions": {**SCANS, "pretrain_params": {"loss": "partition_contrast"}},
}

STUDY = Study(
    question="Does pretraining help where few people are labelled: on another label, or on the scans alone?",
    datasets=[Data("ad_oasis", fraction=share) for share in (1.0, 0.06, 0.01)],
    reference="random start",
    arms={
        **{name: Arm("sfcn", {**NETWORK, **way}) for name, way in WAYS.items()},
        **{
            f"{name}, probe": Arm("sfcn", {**NETWORK, **way, "train": "head", "lr": 0.01}) for name, way in WAYS.items()
        },
        **FLOORS,
    },
    contrasts=[
        *((name, "random start") for name in WAYS if name != "random start"),
        *((f"{name}, probe", "random start, probe") for name in WAYS if name != "random start"),
        ("Barlow Twins, blocks", "Barlow Twins"),
        ("masked, patch difficulty", "masked"),
    ],
    primary=[
        ("age first", "random start"),
        ("Barlow Twins", "random start"),
        ("Barlow Twins, blocks", "Barlow Twins"),
    ],
    floors=list(FLOORS),
    partitions=1,
    recipe=Recipe(steps=300, batch_size=8, points=10),
    light=LIGHT,
)
