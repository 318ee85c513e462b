"""Pretraining without labels: a network of any method learns from the scans alone."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._wrapped_method import inner_method
from bench.core import PRETEXT, BenchError, Task, param
from bench.method import Batch, Method, PretrainedMethod
from bench.views import View

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSES = Task("classification", "auc", ("a", "b"))  # of the output layer, which no pretraining uses
MASKS = Task("segmentation", "dice", ("background", "region"))  # for networks that outline
PROBED = (1, 64, 64, 64)  # a volume that every network reads
LOSSES = ("barlow_twins", "masked", "edge_masked", "partition_contrast", "metaug")


@dataclass(frozen=True, kw_only=True)
class SelfSupervised(Method):
    """The network of a method learns without labels, by one of three losses; its weights then begin that method.

    It is not an arm: name it in `pretrain_method` of a network, and its parameters in `pretrain_params`. View and
    network are those of the arm. A validation part chooses the evaluation point by the loss.

    barlow_twins (Zbontar et al., arXiv 2103.03230): two random views of a scan have equal features, and different
    features are uncorrelated. With `blocks` above 1 it is blockwise (Siddiqui et al., arXiv 2302.01647): gradients stop
    between the blocks of the network, each block has its own head and loss, and its activations are freed before the
    next block is computed. Correlations of features need many scans: a batch has at least two, 32 or more are better
    (`pretrain_batch`). Both views pass the network as one batch. Published: projectors of 8192, batches of 2048, LARS.

    masked: masked autoencoding (He et al., arXiv 2111.06377), with a convolutional network in place of a transformer.
    edge_masked: Edge-MAE (Li et al., arXiv 2212.01108): edges are restored too, at a tenth of the weight, and patches
    among visible ones weigh more in the first half of the steps, patches among masked ones in the second; in the
    published code the second phase begins after the first epoch, which is not intended.

    partition_contrast (Chaitanya et al., arXiv 2006.10511, variant G^D and the local loss): volumes are aligned, so
    that slabs at the same height of different heads are alike and slabs at different heights are not; that trains the
    encoder. The decoder of a U-Net learns that a region in two views of other intensities is alike, and its nearest
    regions are not, without a gradient to the encoder. Published in two stages; here both are learnt in every step,
    regions are means over 3 x 3 x 3 positions, and slabs take the place of slices. Other networks have the first loss.

    metaug (Li et al., arXiv 2203.05119): two random views are alike, by their unified loss, and so are features that a
    small network for each view makes of them; these networks learn from the step of the encoder that they cause. The
    published weights of the augmented features and of the margins, 1e-5 and 1e-11, leave both nearly without effect;
    `augmented_weight` and `margin_weight` are parameters. Negatives are those of the batch, not of a memory, and all
    weights have one optimiser.
    """

    family: ClassVar[str] = "hybrid"

    network: str = param("sfcn", "method whose network learns")
    network_params: Mapping[str, Any] | None = param(None, "parameters of that method, as JSON")
    loss: str = param("barlow_twins", "what is learnt from the scans", LOSSES)
    blocks: int = param(1, "barlow_twins: parts of the network that learn on their own; 1: end to end", within=(1, 16))
    features: int = param(64, "all but masked: width of the heads", within=(2,))
    redundancy: float = param(0.0051, "barlow_twins: weight of the correlations of different features", within=(0,))
    activation_noise: float = param(
        0.25, "barlow_twins, several blocks: noise between blocks, in deviations of their output", within=(0,)
    )
    side: float = param(0.7, "all but masked: smallest side of a view, as a share of the scan's", within=(0.1, 1))
    intensity: float = param(0.2, "all but masked: largest change of contrast and brightness of a view", within=(0, 1))
    noise: float = param(0.2, "all but masked: largest noise of a view, in deviations of the scan", within=(0,))
    flip: bool = param(False, "all but masked: half of the views are mirrored along the first axis")
    partitions: int = param(4, "partition_contrast: slabs of a volume along its last axis", within=(2, 64))
    regions: bool = param(
        True, "partition_contrast: the decoder of a U-Net learns too, from regions (local contrast)", later=True
    )
    temperature: float = param(0.1, "partition_contrast: divisor of the cosine similarities", within=(0.001,))
    augmented_weight: float = param(1e-5, "metaug: weight of the losses of augmented features", later=True, within=(0,))
    margin_weight: float = param(1e-11, "metaug: weight of the margins of augmented features", later=True, within=(0,))
    meta_lr: float = param(1e-3, "metaug: size of the step that the generators are judged by", later=True, within=(0,))
    patch: int = param(4, "masked: voxels or pixels along a side of a patch", within=(1,))
    masked: float = param(0.7, "masked: share of the patches that are masked", within=(0, 1))
    decoder: int = param(32, "masked: channels of the decoder", within=(1,))

    def __post_init__(self) -> None:
        params = dict(self.network_params or {})
        inner = inner_method(self, self.network, params, TRAINING, ("self_supervised", "network_params"))
        if not isinstance(inner, PretrainedMethod):
            raise BenchError(f"self_supervised: {self.network} has no network that could begin with weights")
        for name in TRAINING:
            object.__setattr__(self, name, getattr(inner, name))
        object.__setattr__(self, "_inner", inner)

    def view_for(self, task: Task) -> View:
        return self._inner.view_for(self._task)

    def bind_spacing(self, spacing: tuple[float, ...]) -> Method:
        made = copy.copy(self)
        object.__setattr__(made, "_inner", self._inner.bind_spacing(spacing))
        return made

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._pretext_views import RandomView

        network = self._inner.build(self._task, shape)
        view = RandomView(self.side, self.intensity, self.noise, self.flip)
        if self.loss == "partition_contrast":
            from baselines._partition_contrast import PartitionContrast

            return PartitionContrast(
                network, shape, view, self.partitions, self.features, self.temperature, self.regions
            )
        if self.loss == "metaug":
            from baselines._metaug import MetAug

            terms = (self.augmented_weight, self.margin_weight, self.meta_lr)
            return MetAug(network, shape, view, self.features, *terms)
        if self.loss == "barlow_twins":
            from baselines._barlow_twins import BarlowTwins

            return BarlowTwins(network, shape, view, self.blocks, self.features, self.redundancy, self.activation_noise)
        from baselines._masked_autoencoder import MaskedAutoencoder

        return MaskedAutoencoder(network, shape, self.patch, self.masked, self.decoder, self.loss == "edge_masked")

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        if "masked" in self.loss:
            return model.learn(batch.x, batch.progress)
        total, losses = model.learn(batch.x)
        part = "block" if self.loss == "barlow_twins" else "loss"
        if len(losses) > 1 or self.loss == "metaug":
            batch.terms.update({f"{part} {number + 1}": loss for number, loss in enumerate(losses)})
        return total.expand(len(batch.x))

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if task != PRETEXT:
            return "it learns without labels: name it in pretrain_method of the method whose network it pretrains"
        return self._inner.refuses(self._task, shape)

    def check(self) -> None:
        self._inner.check()

    @cached_property
    def _task(self) -> Task:
        """A task of the inner method, for its network: masks if it does not predict classes."""
        outlines = self._inner.refuses(CLASSES, PROBED) and self._inner.refuses(MASKS, PROBED) is None
        return MASKS if outlines else CLASSES


TRAINING = {own.name: SelfSupervised.__dataclass_fields__[own.name].default for own in dataclasses.fields(Method)}
METHOD = SelfSupervised
