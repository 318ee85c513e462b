"""Occlusion by region: how the output changes when a region of the scan looks as it does on average.

Regions are the labels of the scan's mask where the data set has masks, else supervoxels of the scan. They are exchanged
in the scan itself, before the view, so that the map has the depth of the scan also for networks that read an image.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bench.analysis.explain.localisation import head_mask
from bench.analysis.explain.nifti_maps import with_depth
from bench.analysis.explain.saliency import OCCLUDED_BATCH, ExplainedOutput
from bench.training.trained_model import TrainedModel

REGIONS = "regions"
SUPERVOXELS = 64  # about as many in a head
COMPACTNESS = 0.1  # of supervoxels, for intensities from 0 to 1
AVERAGED = 64  # training scans whose mean stands in for a region


def region_map(loaded: TrainedModel, network: nn.Module, row: int) -> np.ndarray:
    """(D, H, W), or (H, W, 1) of an image: in each region the change of the output when it is exchanged, at least 0.

    row: of the scan in the prepared set. The output is that of `saliency`; outside all regions the map is 0.
    """
    prepared = loaded.data.prepared
    scan = np.asarray(prepared.images()[row]).astype(np.float32)
    labels = scan_regions(scan, prepared.spacing, _mask(loaded, row))
    names = np.unique(labels[labels > 0])
    usual = average_scan(loaded)
    exchanged = (np.where(labels[None] == name, usual, scan) for name in names)
    outputs = _outputs(loaded, network, row, [scan, *exchanged])
    result = np.zeros(labels.shape)
    for name, change in zip(names, np.abs(outputs[1:] - outputs[0]), strict=True):
        result[labels == name] = change
    return with_depth(result, len(prepared.spacing))


def scan_regions(scan: np.ndarray, spacing: tuple[float, ...], mask: np.ndarray | None) -> np.ndarray:
    """(*spatial axes) region numbers from 1, 0 outside the head: the labels of a mask with its rest, or supervoxels.

    scan: (C, *spatial axes). mask: (*spatial axes), class indices, or None.
    """
    head = head_mask(scan)
    if mask is not None and mask.any():
        return np.where(head | (mask > 0), mask.astype(int) + 1, 0)
    from skimage.segmentation import slic

    values = scan.mean(axis=0)
    scaled = values / max(float(np.percentile(values, 99)), 1e-6)
    return slic(
        scaled, SUPERVOXELS, COMPACTNESS, spacing=spacing, mask=head, channel_axis=None, start_label=1, max_num_iter=5
    )


def average_scan(loaded: TrainedModel) -> np.ndarray:
    """(C, *spatial axes): the mean of some training scans."""
    rows = loaded.data.fold.train
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(AVERAGED, len(rows))).round().astype(int))]
    images = loaded.data.prepared.images()
    return np.mean([np.asarray(images[row], dtype=np.float32) for row in np.sort(chosen)], axis=0)


def _mask(loaded: TrainedModel, row: int) -> np.ndarray | None:
    masks = loaded.data.prepared.masks()
    return None if masks is None else np.asarray(masks[row])


def _outputs(loaded: TrainedModel, network: nn.Module, row: int, scans: list[np.ndarray]) -> np.ndarray:
    """The explained output of the first scan, and of the others for the same class."""
    data, found = loaded.data, []
    explained = ExplainedOutput(network, data.prepared.task).eval()
    with torch.no_grad():
        for start in range(0, len(scans), OCCLUDED_BATCH):
            some = np.stack(scans[start : start + OCCLUDED_BATCH])
            found.append(explained(data.viewed(torch.from_numpy(some), np.full(len(some), row))).double().cpu())
    outputs = torch.cat(found).numpy()
    return outputs[:, outputs[0].argmax()] if outputs.ndim == 2 else outputs
