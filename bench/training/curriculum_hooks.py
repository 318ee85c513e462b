"""Apply a stage of a curriculum: to the batch, to the network during a step, to losses and layers.

The default stage costs nothing and changes no bit. Hooks on the network are removed after the step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd

from bench.curriculum import Stage
from bench.data.loader import shuffled_batches
from bench.method import Batch, Outputs

SHARP = 0.1  # a deviation in pixels below which a Gaussian changes no float32 number


class Order:
    """Endless batches of positions of training scans, in shuffled order: of all scans, or of a subset."""

    def __init__(self, scans: int, size: int, rng: np.random.Generator) -> None:
        self._batches = shuffled_batches(scans, size, rng)
        self._size = min(scans, size)
        self._left = np.empty(0, np.int64)
        self.drawn = 0  # batches of the shuffled order begun so far

    @property
    def state(self) -> list[int]:
        """Batches drawn so far, and scans left of the last one."""
        return [self.drawn, len(self._left)]

    def go_to(self, drawn: int, left: int) -> None:
        """Advance a new order to the state of another one."""
        for _ in range(drawn):
            batch = self._next()
        self._left = batch[len(batch) - left :] if left else self._left

    def take(self, subset: np.ndarray | None = None) -> np.ndarray:
        """The next batch. subset: positions to draw from; all of them if they are no more than a batch.

        A batch of a subset takes its scans in the shuffled order, over as many epochs as needed, each scan at most
        once.
        """
        if subset is None:
            self._left = np.empty(0, np.int64)
            return self._next()
        if len(subset) <= self._size:
            return np.array(subset, np.int64)
        wanted, batch = set(np.asarray(subset).tolist()), []
        while len(batch) < self._size:
            if not len(self._left):
                self._left = self._next()
            position, self._left = int(self._left[0]), self._left[1:]
            if position in wanted:
                wanted.remove(position)
                batch.append(position)
        return np.array(batch, np.int64)

    def _next(self) -> np.ndarray:
        self.drawn += 1
        return next(self._batches)


def apply_to_batch(x: Tensor, y: Tensor, stage: Stage) -> tuple[Tensor, Tensor]:
    """Apply the stage's blur, low-frequency crop, resizing and input dropout to scans (B, C, ...) and their targets.

    Masks (B, ...), and those of pairs (B, C, ...), are cropped and resized with the scans; images (B, C, ...) that are
    to be generated as the scans are.
    """
    images = y.ndim == x.ndim and y.is_floating_point()
    if stage.blur > 0:
        x = blurred(x, stage.blur)
    if stage.band is not None and stage.band != tuple(x.shape[2:]):
        small = low_passed(y, stage.band) if images else _masks(y, stage.band, "nearest")
        x, y = low_passed(x, stage.band), small  # both grids begin at the first voxel
    if stage.size is not None and stage.size != tuple(x.shape[2:]):
        x = _resized(x, stage.size)
        y = _resized(y, stage.size) if images else _masks(y, stage.size, "nearest-exact")
    return (F.dropout(x, stage.drop_input) if stage.drop_input > 0 else x), y


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Blur (B, C, ...) by a separable Gaussian of standard deviation `sigma` pixels, with replicated borders."""
    radius = max(1, math.ceil(3 * sigma))
    taps = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (taps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).reshape(1, 1, -1)
    for axis in range(2, x.ndim):
        lines = x.movedim(axis, -1)
        flat = F.pad(lines.reshape(-1, 1, lines.shape[-1]), (radius, radius), mode="replicate")
        x = F.conv1d(flat, kernel).reshape(lines.shape).movedim(-1, axis)
    return x


def low_passed(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Crop the spectrum of (B, C, ...) to its lowest frequencies: images of `size` with the same mean."""
    axes = tuple(range(2, x.ndim))
    spectrum = torch.fft.fftshift(torch.fft.fftn(x, dim=axes), dim=axes)
    for axis, kept in zip(axes, size, strict=True):
        spectrum = spectrum.narrow(axis, x.shape[axis] // 2 - kept // 2, kept)
    small = torch.fft.ifftn(torch.fft.ifftshift(spectrum, dim=axes), dim=axes).real
    return small * (math.prod(size) / math.prod(x.shape[2:]))


def smoothed(maps: Tensor, sigma: float) -> Tensor:
    """Smooth maps (B, C, ...) by a separable Gaussian of three taps per axis, with replicated borders.

    It uses slices instead of padding: their gradients are summed in a fixed order on every device.
    """
    side = math.exp(-0.5 / sigma**2)
    for axis in range(2, maps.ndim):
        many = maps.shape[axis]
        before = torch.cat([maps.narrow(axis, 0, 1), maps.narrow(axis, 0, many - 1)], axis)
        after = torch.cat([maps.narrow(axis, 1, many - 1), maps.narrow(axis, many - 1, 1)], axis)
        maps = (maps + side * (before + after)) / (1 + 2 * side)
    return maps


def resize_upstream(upstream: Outputs, y: Tensor) -> Outputs:
    """Resize the masks (B, K, ...) of an upstream network to the masks (B, ...) of the batch."""
    if upstream.logits.ndim == 2 or upstream.logits.shape[2:] == y.shape[1:]:
        return upstream
    mode = "bilinear" if y.ndim == 3 else "trilinear"
    return replace(upstream, logits=F.interpolate(upstream.logits, y.shape[1:], mode=mode, align_corners=False))


@contextmanager
def stage_hooks(model: nn.Module, stage: Stage) -> Iterator[list[Tensor]]:
    """Context manager: add the stage's hooks to the network for a step; yields its outputs if voxels are weighted."""
    answers: list[Tensor] = []
    with ExitStack() as stack:
        if stage.map_blur > SHARP:
            for layer in encoder_convolutions(model) if stage.encoder_only else convolutions(model):
                _remove_at_exit(stack, layer.register_forward_hook(lambda _, __, maps: smoothed(maps, stage.map_blur)))
        if stage.drop_maps > 0:
            for layer in convolutions(model):
                _remove_at_exit(
                    stack, layer.register_forward_hook(lambda _, __, maps: F.dropout(maps, stage.drop_maps))
                )
        if stage.drop_features > 0 and (last := last_layer(model)) is not None:
            _remove_at_exit(
                stack,
                last.register_forward_pre_hook(lambda _, read: (F.dropout(read[0], stage.drop_features), *read[1:])),
            )
        if stage.drop_own != 1.0:
            for layer in dropouts(model):
                stack.callback(setattr, layer, "p", layer.p)
                layer.p *= stage.drop_own
        if stage.voxels is not None:
            _remove_at_exit(stack, model.register_forward_hook(lambda _, __, answer: answers.append(answer)))
        yield answers


def convolutions(model: nn.Module) -> list[nn.Module]:
    """The convolutions whose feature maps a stage may change: those with a kernel larger than 1."""
    kinds = (nn.Conv2d, nn.Conv3d)
    return [each for each in model.modules() if isinstance(each, kinds) and max(each.kernel_size) > 1]


def encoder_convolutions(model: nn.Module) -> list[nn.Module]:
    """Those of `convolutions` that are in a module whose attribute `encodes` is true, each once; none if none is."""
    encoders = [each for each in model.modules() if getattr(each, "encodes", False)]
    inside = {id(layer) for encoder in encoders for layer in encoder.modules()}
    return [each for each in convolutions(model) if id(each) in inside]


def last_layer(model: nn.Module) -> nn.Module | None:
    """The last linear or 1x1 layer, which reads the network's features; None if there is none.

    A module may say by `reads_features` that it is such a layer, or (False) that its layers read something else.
    """
    last, stated = None, set()
    for each in model.modules():  # each module comes before its parts
        if (reads := getattr(each, "reads_features", None)) is not None:
            stated |= {id(part) for part in each.modules()}
        point = isinstance(each, (nn.Conv2d, nn.Conv3d)) and max(each.kernel_size) == 1
        if reads or ((point or isinstance(each, nn.Linear)) and id(each) not in stated):
            last = each
    return last


def dropouts(model: nn.Module) -> list[nn.Module]:
    """The network's own dropout layers whose rate is not 0."""
    return [each for each in model.modules() if isinstance(each, _DropoutNd) and each.p > 0]


def layers(model: nn.Module) -> list[list[nn.Parameter]]:
    """The trained parameters grouped by layer, in order of definition (roughly from input to output).

    A layer begins with a weight of two or more axes; the biases and scales that follow belong to it.
    """
    groups: list[list[nn.Parameter]] = []
    grouped: set[int] = set()
    for module in model.modules():
        for weight in module.parameters(recurse=False):
            if not weight.requires_grad or id(weight) in grouped:
                continue
            grouped.add(id(weight))
            if not groups or (weight.ndim > 1 and any(each.ndim > 1 for each in groups[-1])):
                groups.append([])
            groups[-1].append(weight)
    return groups


def voxel_term(answers: list[Tensor], batch: Batch) -> Tensor:
    """The term that the stage's voxel weights add to the label losses, (B,): mean of (weight - 1) x cross-entropy."""
    if not answers or answers[-1].shape[2:] != batch.y.shape[1:]:
        given = "nothing" if not answers else f"an output of shape {tuple(answers[-1].shape)}"
        raise ValueError(f"cannot weight the voxels of masks {tuple(batch.y.shape)}: the network gave {given}")
    smoothing = batch.stage.label_smoothing
    losses = F.cross_entropy(answers[-1], batch.y, reduction="none", label_smoothing=smoothing)  # (B, ...)
    return ((batch.stage.voxels(batch.y) - 1) * losses).flatten(1).mean(1)


def loss_of(losses: Tensor, stage: Stage, index: Tensor) -> Tensor:
    """Reduce the losses of the scans, (B,), to the loss of the batch by the stage's weights. index: (B,) positions."""
    if stage.weigh is not None:
        losses = losses * stage.weigh(losses.detach())
    if stage.weights is None:
        return losses.mean()
    weights = torch.as_tensor(stage.weights, device=losses.device, dtype=losses.dtype)[index]
    return (losses * weights).sum() / weights.sum().clamp_min(1e-8)


def _resized(images: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize images (B, C, ...) to `size` by linear interpolation."""
    mode = "bilinear" if images.ndim == 4 else "trilinear"
    return F.interpolate(images, size, mode=mode, align_corners=False)


def _masks(y: Tensor, size: tuple[int, ...], mode: str) -> Tensor:
    """Resize masks (B, ...), or those of pairs (B, C, ...), to `size`; targets without spatial axes are unchanged."""
    if y.ndim <= len(size):
        return y
    layered = y if y.ndim == len(size) + 2 else y[:, None]
    return F.interpolate(layered.float(), size, mode=mode).to(y.dtype).reshape(*y.shape[: -len(size)], *size)


def _remove_at_exit(stack: ExitStack, hook: torch.utils.hooks.RemovableHandle) -> None:
    stack.callback(hook.remove)
