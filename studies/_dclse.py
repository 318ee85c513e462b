"""DCL-SE in the paper's full form, and settings that the studies of its parts share."""

from bench.core import Arm, Data, Light, Recipe

EXACT = {"kind": "dynamic", "plane": "sagittal", "coefficients": "bilen", "channels": 3}

# Rank pooling by its published formula, learnt groups, outputs after the stages weighted by their Cur sets, and fusion
# by global attention: everything in the paper that the released code lacks.
FULL = {"view": EXACT, "gpconv": "dynamic", "auxiliary": True, "dcl": "cur", "fusion": "attention"}

VOLUMES = [Data("ad_oasis"), Data("age_oasis")]
EVERYTHING = [*VOLUMES, Data("ad_mri2d", {"stages": 2}), Data("bt_mri"), Data("bt_ct"), Data("artery_cas")]
# Age, sex, brain volume and the like, without a scan; refused on data sets that have none.
COVARIATES = Arm("covariates", tasks=("classification", "regression"))
SCAN_FLOORS = {"constant": Arm("constant"), "linear (voxels)": Arm("linear")}
FLOORS = {"constant": Arm("constant"), "covariates": COVARIATES, "linear (voxels)": Arm("linear")}
LIGHT = Light(Recipe(steps=40, batch_size=8, points=4), folds=2)
