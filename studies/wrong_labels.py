"""Which curriculum helps if two fifths of the training labels are wrong, and which if all are right?

The question of `curricula` at a smaller size: 300 slices of a phantom of brain tumours with strong effects, 48 pixels
wide, read by a small ResNet and by DCL-SE. Only the training part has wrong labels; validation data, which choose the
evaluation point of all arms, and test data are clean.

Every curriculum is compared with its control at the same number of steps: random pacing uses or weights the same number
of scans in random order, the anti-curriculum begins with the hardest scans, data dropout drops as many at random.

Expected: on clean labels hardly any curriculum differs from plain training; on wrong labels those that start with, or
give more weight to, scans of small loss gain, and the anti-curricula lose. Primary: self-paced learning and SuperLoss
for the ResNet; the rest is exploratory. Result: no difference is shown (results/reference/curricula). `bench plan`: 80
% of such studies would show a difference of 0.11 balanced accuracy on phantom_bt_mri (0.05 takes 3,400 people). Cost:
three and a half hours on one core (measured for one partition: 50 minutes).
"""

from bench.core import Arm, Data, Recipe, Study

IMAGES = {"size": 48, "mm": 4.8, "subjects": 300, "effect": 2.0}

CURRICULA = {
    "none": ("none", {}),
    "input blur": ("input_blur", {}),
    "feature smoothing": ("feature_smoothing", {}),
    "dropout": ("curriculum_dropout", {}),
    "label smoothing": ("label_smoothing", {}),
    "self-paced": ("self_paced", {}),
    "SuperLoss": ("superloss", {}),
    "transfer teacher": ("transfer_teacher", {}),
    "resizing": ("progressive_resizing", {}),
    "low-frequency crop": ("low_frequency_crop", {}),
    "data dropout": ("progressive_data_dropout", {}),
    "LeRaC": ("lerac", {}),
    "random pacing": ("random_pacing", {}),
    "random pacing (weights)": ("random_pacing", {"by": "weights"}),
    "anti-curriculum": ("anti_curriculum", {}),
    "anti-curriculum (own losses)": ("anti_curriculum", {"scores": "own"}),
    "data dropout (by lot)": ("progressive_data_dropout", {"kind": "matched"}),
}
LISTENING = ("none", "self-paced", "SuperLoss", "transfer teacher", "random pacing", "anti-curriculum")

ARMS = {
    **{f"2D, {name}": Arm("timm2d", {"network": "test_resnet"}, *how) for name, how in CURRICULA.items()},
    **{f"DCL-SE, {name}": Arm("dclse", {}, *CURRICULA[name]) for name in LISTENING},
}

STUDY = Study(
    question="Which curriculum helps if two fifths of the labels are wrong, and which if all are right?",
    datasets=[Data("phantom_bt_mri", IMAGES, noise=0.4), Data("phantom_bt_mri", IMAGES)],
    reference="2D, none",
    arms={**ARMS, "constant": Arm("constant")},
    contrasts=[(arm, f"{arm.partition(',')[0]}, none") for arm in ARMS if not arm.endswith(", none")],
    primary=[("2D, self-paced", "2D, none"), ("2D, SuperLoss", "2D, none")],
    floors=["constant"],
    again="2D, none",
    recipe=Recipe(steps=200, batch_size=16, points=10),
)
