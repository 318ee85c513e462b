"""DCL-SE as a method of the harness. Torch is imported only in `build`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core import BenchError, Choices, Range, Task, param
from bench.method import DESCENT, Batch, PretrainedMethod, label_losses, why_unsupported
from bench.method.last_map import few_positions
from bench.views import Dynamic, SlidingDynamic, View, effective
from dclse.architecture import HALVING, KINDS, NAMES, POSITIONS, Structure

if TYPE_CHECKING:
    from torch import Tensor, nn

SCHEDULES = ("none", "ramp", "cur", "residual")
READINGS = ("conditional", "corrected", "union")
HALVINGS = 5  # of an image, up to the last stage
SMALL = 32  # pixels; for images up to this size the last stage has at most four positions


@dataclass(frozen=True, kw_only=True)
class Dclse(PretrainedMethod):
    """DCL-SE: a compact 2D network with dynamic group mechanisms (DGM) reads the volume as one dynamic image.

    The defaults are the network and the encoding that its authors released: approximate rank pooling of the sagittal
    slices with running coefficients, scaled to whole numbers from 0 to 255, in three equal channels. The published
    formula of rank pooling is `view.coefficients=bilen`. On a data set of images the network reads the image without
    encoding. Parameters add the parts of the paper that were not released (learnt groups, outputs after the stages, the
    dynamic curriculum, fusion by global attention, masks); `studies` define the full form.

    Masks of volumes: the network reads dynamic images of the slices around each slice (`slabs`) and predicts masks
    slice by slice; with `masks=projection` it reads one dynamic image of the volume and predicts line by line. A 2D
    encoding sums the slices and loses which of them contributed, so the mask of a projection has no depth, and the mask
    of a slice depends on its neighbours only through a weighted sum.

    Images of 32 pixels or fewer are too small for it: its last stage then has at most four positions. After 200 steps
    of 8 scans its test accuracy at 32 pixels was 0.64 in one test and 0.79 in another, against 0.80 and 0.81 for a
    ResNet-18; at 64 pixels 0.97 and 0.91, against 0.98 and 0.98.

    Source: arXiv 2511.15151; trained from scratch, or from `weights` of another task.
    """

    family: ClassVar[str] = "dclse"
    version: ClassVar[int] = 3
    space: ClassVar[Mapping[str, Range]] = {**DESCENT, "dgm_ratio": Choices((2, 4)), "dgm_groups": Choices((1, 2, 4))}

    view: View = param(
        Dynamic(plane="sagittal", coefficients="running", scale="minmax", quantise=True, channels=3),
        "how a scan becomes the input of the network; volume: the network pools it by `pooling`",
    )
    pooling: View = param(
        Dynamic(plane="sagittal", coefficients="bilen"), "dynamic image that the network computes if it pools volumes"
    )
    learn_pooling: bool = param(True, "learn the weights of the slices, if the network pools")
    dgm: tuple[str, ...] = param(POSITIONS, "stages followed by a DGM; none: only the backbone", POSITIONS)
    dgm_ratio: int = param(4, "channels, divided by those between the two gating convolutions of a DGM")
    dgm_groups: int = param(4, "groups of every convolution of a DGM; initial number if learnt")
    gpconv: str = param("fixed", "groups of a DGM: fixed, or learnt by Kronecker products of gates (dynamic)", KINDS)
    gpconv_rest: str = param("ones", "learnt groups: connection of the channels beyond a power of two", ("ones", "eye"))
    gpconv_penalty: float = param(0.0, "weight of the penalty on the share of weights that learnt groups keep")
    attention: bool = param(True, "channel attention at the end of the one-branch blocks")
    pointwise: bool = param(True, "the full 1x1 convolution between filtering and projection in every branch")
    second_branch: bool = param(True, "the branch with 5x5 filters in LB2, the block of several branches")
    lb2: tuple[str, ...] = param(HALVING, "stages that begin with LB2; the others have only one-branch blocks", NAMES)
    auxiliary: bool = param(False, "train outputs after S1, S4, S6 and C1 beside the prediction (masks: always)")
    auxiliary_weight: float = param(0.4, "total weight of the stages' losses; the prediction has weight 1")
    fusion: str = param(
        "last", "prediction: from the last stage, or from all stages by global attention", ("last", "attention")
    )
    dcl: str = param(
        "none",
        "weights of the stages: equal, a ramp, by the complexity of their Cur sets (cur), or for each scan the share "
        "that the stages before have not learnt (residual)",
        SCHEDULES,
    )
    dcl_reading: str = param(
        "conditional",
        "cur: complexity of a stage: what it leaves of what the stages before it left, beyond chance (conditional); of "
        "the truth, beyond chance (corrected); of the truth (union)",
        READINGS,
    )
    dcl_sets: str = param("soft", "Cur sets of probabilities (soft), or of right predictions (hard)", ("soft", "hard"))
    dcl_tolerance: float = param(
        0.25, "numbers: error with agreement 1/2, in standard deviations of the training targets"
    )
    dcl_ramp: float = param(0.3, "ramp: fraction of the training over which the weights rise")
    dcl_temperature: float = param(0.5, "cur: temperature of the weights; below 0 complex stages have more weight")
    masks: str = param(
        "slabs", "masks of volumes: slice by slice (slabs), or from one projection", ("slabs", "projection")
    )
    slabs: View = param(SlidingDynamic(plane="axial", width=7), "view of a volume for masks slice by slice")
    mask_slices: int = param(8, "slices of each scan in a step, half of them with a structure")
    window: int = param(0, "masks: edge of the square window, in pixels; 0: whole slices")
    weights: str = param("", "local safetensors file with weights from another task; empty: from scratch")
    checksum: str = param("", "SHA-256 of the file in `weights`; part of the trial's identity")

    def __post_init__(self) -> None:
        self.structure.check()
        if self.dcl != "none" and not self.auxiliary:
            raise BenchError(f"dcl={self.dcl} weights the outputs of the stages; set auxiliary=true")
        if self.dcl_tolerance <= 0 or not 0 <= self.dcl_ramp <= 1 or self.dcl_temperature == 0:
            raise BenchError("dcl_tolerance must be above 0, dcl_ramp from 0 to 1, dcl_temperature not 0")
        if min(self.auxiliary_weight, self.gpconv_penalty, self.window) < 0 or self.mask_slices < 1:
            raise BenchError("auxiliary_weight, gpconv_penalty and window must be 0 or more, mask_slices 1 or more")
        for name, view, kind in (("pooling", self.pooling, Dynamic), ("slabs", self.slabs, SlidingDynamic)):
            if not isinstance(view, kind):
                raise BenchError(f"{name} must be a view of kind {kind.kind_name}, not {view.kind_name}")

    @property
    def structure(self) -> Structure:
        """The options of the network."""
        blocks = (self.attention, self.pointwise, self.second_branch, self.lb2)
        return Structure(self.dgm, self.dgm_ratio, self.dgm_groups, self.gpconv, self.gpconv_rest, *blocks)

    def view_for(self, task: Task) -> View:
        if task.kind != "segmentation":
            return self.view
        return self.slabs if self.masks == "slabs" else View.parse("volume")

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from dclse import factory

        return factory.build(self, task, shape)

    def initialise(self, model: nn.Module) -> None:
        from bench.weights import carry_over

        model.carried = carry_over(model, self.weights_file())

    def last_stage(self, model: nn.Module, head: set[str]) -> set[str]:
        from dclse import factory

        return factory.last_stage(model)

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        from dclse import factory

        if batch.task.kind == "segmentation":
            x, y = model.sample_slices(batch.x, batch.y, self.mask_slices) if batch.x.ndim == 5 else (batch.x, batch.y)
            planar = model.planar if batch.x.ndim == 5 else model
            losses = factory.losses(self, planar, replace(batch, x=x, y=y))
        elif self.auxiliary:
            losses = factory.losses(self, model, batch)
        else:
            losses = label_losses(model(batch.x), batch)
        return factory.regularised(self, model, losses)

    def mixes_labels(self, task: Task) -> bool:
        return self.dcl in ("none", "ramp")  # the others compare each stage with one true class

    def logged_metrics(self, model: nn.Module) -> Mapping[str, float]:
        from dclse import factory

        return factory.logged_metrics(model)

    def record_info(self, model: nn.Module) -> Mapping[str, Any]:
        from dclse import factory

        return {**super().record_info(model), **factory.record_info(model)}

    def note(self, shape: tuple[int, ...]) -> str:
        """A warning if it reads a scan as one small image."""
        pooled = len(shape) == 4 and self.view.kind_name == "volume"
        image = self.pooling.shape(shape, (1.0,) * 3) if pooled else shape
        if len(image) != 3:
            return ""
        if max(image[1:]) > SMALL:  # five halvings, rounded up; known without building the network
            return few_positions(tuple(-(-side // 2**HALVINGS) for side in image[1:]), image)
        size = " x ".join(map(str, image[1:]))
        return f"it reads images of {size} pixels; at {SMALL} pixels and below DCL-SE scored below a ResNet-18"

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        shown = effective(self.view_for(task), shape).shape(shape, (1.0,) * (len(shape) - 1))
        if task.kind == "segmentation":
            if len(shape) == 4 and self.masks == "projection" and task.outputs > 2:
                return "several structures overlap in a projection; set masks=slabs"
            return None
        if len(shape) == 3 and self.view.kind_name == "volume":
            return "it pools the slices of volumes, but this data set has images"
        return None if len(shown) == 4 else why_unsupported(self, task, shape, (2,))

    def check(self) -> None:
        if self.weights:
            from dclse import factory

            factory.check_weights(self)


METHOD = Dclse
