"""Does DCL-SE beat 2D, 3D and hybrid networks, distillation and the floors on the six data sets of its paper?

Every family at its standard size: the 2D networks on the dynamic image (on images: on the image), the 3D networks and
the hybrids on the volume, students with a 3D teacher, and baselines without a network. The study uses the prepared real
sets, or phantoms if no data folder is configured; if only some sets are missing, the study stops. 3D networks do not
support images; the table shows it. Primary: one usual network of each family against DCL-SE; the rest is exploratory.

`bench plan`: 80 % of such studies would show a difference of 0.24 AUC on ad_adni (0.05 takes 20 partitions and 2,300
people); 0.17 AUC on ad_mri2d (0.05 takes 20 partitions and 2,300 people); 0.07 balanced accuracy on bt_mri (0.05
takes 20 partitions and 2,300 people); 0.06 AUC on bt_ct (0.05 takes 20 partitions and 2,300 people); 0.03 Dice on
artery_cas (0.02 takes 180 people). Cost: not measured; `--smoke` proves that every arm runs on the six phantoms, in
three and a half minutes on two cores.
"""

from bench.core import Arm, Data, RandomLabels, Recipe, Study
from studies._dclse import COVARIATES, FULL

WHOLE = ("classification", "regression")  # one prediction per scan
MASKS = ("segmentation",)
COARSE = {"view": {"kind": "volume", "mm": 4.0}}
# From scratch at the default 0.001 transformers do not learn even a strong effect: results/reference/strong_families.
CALMER = {"lr": 0.0003}
VIT = {"patch_size": [8, 8, 8], "hidden_size": 384, "mlp_dim": 1536, "num_layers": 12, "num_heads": 6}

# timm and MONAI draw the output layers of these for many classes; with one or two outputs they begin far off and learn
# little in the budget: results/reference/budgets.
FROM_0 = {"head_scale": 0.0}

# MONAI's own momentum of 0.01 leaves the running statistics near their start for hundreds of steps.
EFFICIENT = {"model_name": "efficientnet-b0", "norm": ["batch", {"eps": 0.001, "momentum": 0.1}]}

# As nnU-Net trains it, but for the number of steps: `bench guide methods`.
NNUNET = {
    **{"deep_supervision": 2, "optimiser": "sgd", "momentum": 0.99, "lr": 0.01, "weight_decay": 3e-5},
    **{"schedule": "poly", "augment": "nnunet"},
}

DCLSE = {
    "DCL-SE": Arm("dclse"),
    "DCL-SE full": Arm("dclse", FULL),
    "DCL-SE without DGM": Arm("dclse", {"dgm": "none"}),
}
IMAGES = {
    "ResNet-18": {"network": "resnet18"},
    "ResNet-50": {"network": "resnet50"},
    "ConvNeXt-T": {"network": "convnext_tiny", **CALMER},
    "DeiT-S": {"network": "deit_small_patch16_224", **CALMER},
    "Swin-T": {"network": "swin_tiny_patch4_window7_224", **CALMER},
    "CAFormer-S18": {"network": "caformer_s18", **CALMER},
    "MobileNetV2": {"network": "mobilenetv2_100", **FROM_0},
    "EfficientNet-B0": {"network": "efficientnet_b0", **FROM_0},
    "VGG11": {"network": "vgg11"},
}
VOLUMES = {
    "ResNet-18 (3D)": Arm("monai3d", {"network": "resnet18"}, tasks=WHOLE),
    "DenseNet-121 (3D)": Arm("monai3d", tasks=WHOLE),
    "SE-ResNet-50 (3D)": Arm("monai3d", {"network": "SEResNet50"}, tasks=WHOLE),
    "EfficientNet-B0 (3D)": Arm("monai3d", {"network": "EfficientNetBN", "options": EFFICIENT, **FROM_0}, tasks=WHOLE),
    "ViT-S (3D)": Arm("monai3d", {"network": "ViT", "options": VIT, **CALMER}, tasks=WHOLE),
    "SFCN": Arm("sfcn", tasks=WHOLE),
    "VGG (3D)": Arm("vgg3d", tasks=WHOLE),
    "U-Net (3D)": Arm("unet3d", tasks=MASKS),
    "SegResNet": Arm("monaiseg", tasks=MASKS),
    "DynUNet": Arm("monaiseg", {"network": "DynUNet"}, tasks=MASKS),
    "DynUNet, trained as nnU-Net": Arm("monaiseg", {"network": "DynUNet", **NNUNET}, tasks=MASKS),
    "SwinUNETR": Arm("monaiseg", {"network": "SwinUNETR"}, tasks=MASKS),
}
HYBRIDS = {
    "Xing 2020": Arm("xing2020", tasks=WHOLE),
    "weighted pooling": Arm("weighted_pooling", tasks=WHOLE),
    "ResNet-18 (slice)": Arm("timm2d", {"view": "slice"}, tasks=WHOLE),
    "ResNet-18 (2D+e)": Arm("timm2d", {"view": "2d+e"}, tasks=WHOLE),
    "early fusion": Arm("fuseme", {"fusion": "early"}, tasks=WHOLE),
    "joint fusion": Arm("fuseme", tasks=WHOLE),
    "gated attention over slices": Arm("slices", tasks=WHOLE),
    "transformer over slices": Arm("slices", {"aggregate": "transformer"}, tasks=WHOLE),
    "ResNet-18 (ACS)": Arm("timm3d", tasks=WHOLE),
    "ResNet-18 (inflated)": Arm("timm3d", {"conversion": "inflated"}, tasks=WHOLE),
}
TAUGHT = {
    "similarity graph": Arm("distil", {"loss": "similarity_graph"}, tasks=WHOLE),
    "Hinton": Arm("distil", {"loss": "kd"}, tasks=("classification",)),
    "contrastive distillation": Arm("distil", {"loss": "crd"}, tasks=("classification",)),
    "FitNet": Arm("distil", {"loss": "fitnet"}, tasks=WHOLE),
    "paced-curriculum distillation": Arm(
        "distil", {"loss": "paced_curriculum", "student": "unet3d", "teacher": ""}, tasks=MASKS
    ),
}
FLOORS = {
    "boosting (histograms, volumes)": Arm("boosting", tasks=WHOLE),
    "SVM (voxels)": Arm("svm", tasks=WHOLE),
    "nearest neighbour": Arm("nearest_neighbour", tasks=WHOLE),
    "linear (voxels)": Arm("linear"),
    "covariates": COVARIATES,
    "constant": Arm("constant"),
}

STUDY = Study(
    question="Does DCL-SE beat 2D, 3D and hybrid networks, distillation and the floors on the data sets of its paper?",
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
        **DCLSE,
        **{name: Arm("timm2d", params, tasks=WHOLE) for name, params in IMAGES.items()},
        **VOLUMES,
        **HYBRIDS,
        **TAUGHT,
        **FLOORS,
    },
    primary=[(name, "DCL-SE") for name in ("ResNet-18", "DenseNet-121 (3D)", "joint fusion", "Hinton", "U-Net (3D)")],
    floors=list(FLOORS),
    again="DCL-SE",
    random_labels=RandomLabels("linear (voxels)", permutations=20),
    recipe=Recipe(steps=2000, batch_size=16),
)
