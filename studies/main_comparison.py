"""Does DCL-SE beat 2D, 3D and hybrid networks and the floors on the six data sets of its paper?

Real sets where they are prepared, phantoms where no data root is configured; a set that is missing beside others stops
the study. Whose network reads no images, or no masks, is refused there, and the table says so.
"""

from bench.core import Arm, Data, RandomLabels, Recipe, Study
from studies._dclse import FULL

STUDY = Study(
    question="Does DCL-SE beat 2D, 3D and hybrid networks and the floors on the six data sets of its paper?",
    datasets=[
        Data("ad_adni"),
        Data("ad_mri2d", {"stages": 2}),
        Data("bt_mri"),
        Data("bt_ct"),
        Data("artery_cas"),
        Data("age_openbhb"),
    ],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse"),
        "DCL-SE full": Arm("dclse", FULL),
        "DCL-SE without DGM": Arm("dclse", {"dgm": "none"}),
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "ResNet-18 (slice)": Arm("timm2d", {"view": "slice"}),
        "DenseNet-121 (3D)": Arm("monai3d"),
        "Xing 2020": Arm("xing2020"),
        "similarity graph": Arm("similarity_graph", {"teacher": "monai3d"}),
        "U-Net (3D)": Arm("unet3d", tasks=("segmentation",)),
        "linear (voxels)": Arm("linear"),
        "constant": Arm("constant"),
    },
    floors=["linear (voxels)", "constant"],
    again="DCL-SE",
    random_labels=RandomLabels("linear (voxels)", permutations=20),
    folds=5,
    recipe=Recipe(steps=2000, batch_size=16),
)
