"""What each metric of the harness measures, as Metrics Reloaded groups them, and what to know when reading it."""

from __future__ import annotations

from collections.abc import Mapping

DISCRIMINATION = "discrimination over all thresholds"
COUNTING = "counting at one threshold"
CALIBRATION = "calibration of probabilities"
ERROR = "error of numbers"
OVERLAP = "overlap"
BOUNDARY = "boundary"
AMOUNT = "volume and counts"
MOVEMENT = "displacement"
LIKENESS = "likeness of images"

REASONS: Mapping[str, tuple[str, str]] = {  # metric -> group, reason
    "auc": (DISCRIMINATION, "needs no threshold and does not depend on the shares of the classes"),
    "average_precision": (DISCRIMINATION, "needs no threshold; depends on the share of the class"),
    "accuracy": (COUNTING, "depends on the shares of the classes: read it beside the floor `constant`"),
    "balanced_accuracy": (COUNTING, "all classes count alike, whatever their shares"),
    "f1": (COUNTING, "mean over classes of precision and recall; depends on the shares of the classes"),
    "sensitivity": (COUNTING, "one class alone: read it with specificity"),
    "specificity": (COUNTING, "one class alone: read it with sensitivity"),
    "mcc": (COUNTING, "uses all four counts; depends on the shares of the classes"),
    "brier": (CALIBRATION, "a proper score: discrimination and calibration together"),
    "log_loss": (CALIBRATION, "a proper score that weighs confident errors most"),
    "calibration_error": (CALIBRATION, "stated against observed shares, in bins; biased upwards for few scans"),
    "mae": (ERROR, "in the unit of the target; weighs all errors alike"),
    "rmse": (ERROR, "in the unit of the target; weighs large errors more"),
    "r2": (ERROR, "depends on the spread of the targets"),
    "correlation": (ERROR, "sees neither a shift nor a wrong scale"),
    "gap": (ERROR, "a shift of all predictions"),
    "gap_slope": (ERROR, "how the error depends on the target"),
    "dice": (OVERLAP, "depends on the size of the structure"),
    "cldice": (OVERLAP, "connectivity of tubes, through centre lines"),
    "hd95": (BOUNDARY, "distance of the boundaries, without the furthest 5 %"),
    "surface_distance": (BOUNDARY, "mean distance of the boundaries"),
    "volume_error": (AMOUNT, "size alone: sees no place"),
    "component_error": (AMOUNT, "number of parts: sees no place"),
    "endpoint_error": (MOVEMENT, "distance to the true displacement, where that is known"),
    "region_dice": (OVERLAP, "structures after the alignment; depends on their size"),
    "region_hd95": (BOUNDARY, "boundaries of structures after the alignment, without the furthest 5 %"),
    "folded": (MOVEMENT, "share of voxels whose deformation is impossible"),
    "log_jacobian_sd": (MOVEMENT, "irregularity of the deformation; says nothing of the alignment"),
    "psnr": (LIKENESS, "squared error of the image, in dB; a small lesion hardly counts"),
    "ssim": (LIKENESS, "local structure of the image"),
    "image_mae": (LIKENESS, "error of the whole image; a small lesion hardly counts"),
    "label_mae": (LIKENESS, "error inside the labelled structure alone"),
}
OTHER = ("other", "")
