"""Classical registration by SimpleITK: affine, demons and B-splines, deterministic on one thread.

Arrays are (D, H, W); SimpleITK counts the axes from the last. Voxels are cubes of edge 1 here, as displacements are in
voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813 (its documentation calls it that)

FLAT = 1e-6  # deviation of the grey values below which a scan shows nothing to align


@dataclass(frozen=True)
class Budget:
    """Iterations of an optimiser on each level of a pyramid, from coarse to fine, and the factors of the grid."""

    iterations: int
    shrink: tuple[int, ...]

    @property
    def smoothing(self) -> list[float]:
        """Deviation of the blur of each level, in voxels."""
        return [factor / 2 if factor > 1 else 0.0 for factor in self.shrink]


def affine(fixed: np.ndarray, moving: np.ndarray, budget: Budget, metric: str) -> np.ndarray:
    """The displacement (3, D, H, W) in voxels of the best affine map; zeros for a scan that is flat.

    metric: `correlation` or `mi`.
    """
    if min(fixed.std(), moving.std()) < FLAT:
        return np.zeros((3, *fixed.shape), dtype=np.float32)
    return field_of(_affine(*_images(fixed, moving), budget, metric), fixed.shape)


def bspline(
    fixed: np.ndarray, moving: np.ndarray, budget: Budget, metric: str, meshes: Sequence[int], share: float
) -> np.ndarray:
    """As `affine`, then cubic B-splines. meshes: cells along each axis. share: of the voxels, on a regular grid."""
    if min(fixed.std(), moving.std()) < FLAT:
        return np.zeros((3, *fixed.shape), dtype=np.float32)
    images = _images(fixed, moving)
    first = _affine(*images, budget, metric)
    spline = sitk.BSplineTransformInitializer(images[0], list(meshes)[::-1])
    method = _method(budget, metric)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(share, seed=1)  # the regular grid is jittered, by the clock without a seed
    method.SetOptimizerAsLBFGSB(
        numberOfIterations=budget.iterations, maximumNumberOfFunctionEvaluations=budget.iterations
    )
    method.SetInitialTransform(spline, inPlace=True)
    method.Execute(images[0], sitk.Resample(images[1], images[0], first, sitk.sitkLinear))  # far faster than composed
    return field_of(sitk.CompositeTransform([first, spline]), fixed.shape)


def demons(
    fixed: np.ndarray, moving: np.ndarray, budget: Budget, metric: str, smoothing: float, diffeomorphic: bool
) -> np.ndarray:
    """As `affine`, then demons on scans of alike grey values. smoothing: deviation of that of the field, in voxels."""
    if min(fixed.std(), moving.std()) < FLAT:
        return np.zeros((3, *fixed.shape), dtype=np.float32)
    images = _images(fixed, moving)
    first = _affine(*images, budget, metric)
    matched = sitk.HistogramMatching(images[1], images[0], 256, 7, True)
    field = sitk.TransformToDisplacementField(first, sitk.sitkVectorFloat64, images[0].GetSize())
    for factor, blur in zip(budget.shrink, budget.smoothing, strict=True):
        field = _demons_level(images[0], matched, field, factor, blur, (budget.iterations, smoothing, diffeomorphic))
    return _voxels(field, fixed.shape)


def _demons_level(
    fixed: sitk.Image, moving: sitk.Image, field: sitk.Image, factor: int, blur: float, options: tuple[int, float, bool]
) -> sitk.Image:
    """The displacement after one level, on the grid of the fixed scan."""
    iterations, smoothing, diffeomorphic = options
    small = [sitk.SmoothingRecursiveGaussian(each, blur) if blur else each for each in (fixed, moving)]
    small = [sitk.Shrink(each, [factor] * 3) if factor > 1 else each for each in small]
    start = sitk.Resample(field, small[0], sitk.Transform(), sitk.sitkLinear, 0.0, field.GetPixelID())
    method = (
        sitk.DiffeomorphicDemonsRegistrationFilter()
        if diffeomorphic
        else sitk.FastSymmetricForcesDemonsRegistrationFilter()
    )
    method.SetNumberOfIterations(iterations)
    method.SetSmoothDisplacementField(True)
    method.SetStandardDeviations(smoothing)
    found = method.Execute(*small, start)
    return sitk.Resample(found, fixed, sitk.Transform(), sitk.sitkLinear, 0.0, found.GetPixelID())


def _images(*arrays: np.ndarray) -> list[sitk.Image]:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # sums over threads would have another order each time
    return [sitk.GetImageFromArray(np.ascontiguousarray(each, dtype=np.float32)) for each in arrays]


def _affine(fixed: sitk.Image, moving: sitk.Image, budget: Budget, metric: str) -> sitk.Transform:
    first = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.AffineTransform(3), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = _method(budget, metric)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-4, numberOfIterations=budget.iterations, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(first, inPlace=False)
    return method.Execute(fixed, moving)


def _method(budget: Budget, metric: str) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    if metric == "mi":
        method.SetMetricAsMattesMutualInformation(32)
    else:
        method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)  # every voxel: nothing is drawn
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(list(budget.shrink))
    method.SetSmoothingSigmasPerLevel(budget.smoothing)
    return method


def field_of(transform: sitk.Transform, shape: tuple[int, ...]) -> np.ndarray:
    """The displacement (3, D, H, W) of a transform, in voxels."""
    return _voxels(sitk.TransformToDisplacementField(transform, sitk.sitkVectorFloat64, list(shape)[::-1]), shape)


def _voxels(field: sitk.Image, shape: tuple[int, ...]) -> np.ndarray:
    array = sitk.GetArrayFromImage(field)  # (D, H, W, 3), the last axis first
    return np.ascontiguousarray(np.moveaxis(array, -1, 0)[::-1], dtype=np.float32).reshape(3, *shape)
