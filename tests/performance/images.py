"""The dynamic image against the sum of the same slices, and windows of slices against the dense product of all."""

from __future__ import annotations

from collections.abc import Iterator

from performance.measure import Result, Settings, paired, threads

SHAPES = {"2 mm": (1, 1, 91, 109, 91), "1 mm": (1, 1, 182, 218, 182)}
LIMITS = {0: 1.25, 1: 2.5, 2: 1.25}
BYTES = 2.5
WINDOWS = 2.0
COMPARED = "bench.views.dynamic_image of one volume against torch.sum over the float32 volume along the same axis"
AGAINST = "bench.views.SlidingDynamic, scaled, with the slices, against the product of all slices with its weights"


def run(settings: Settings) -> Iterator[Result]:
    """Every axis, both sizes, with one thread (as trials run), and with two for comparison; windows with one."""
    for count in (1, 2):
        for size, shape in SHAPES.items():
            with threads(count):
                yield from _of(settings, size, shape, count)
                if count == 1:
                    yield from _windows(settings, size, shape)


def _of(settings: Settings, size: str, shape: tuple[int, ...], count: int) -> Iterator[Result]:
    import torch

    from bench.views import dynamic_image, rank_pooling_weights

    volume = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 255
    for kind, x in (("float32", volume), ("uint8", volume.byte())):
        for axis, most in LIMITS.items():
            weights = rank_pooling_weights(shape[2 + axis])
            ratios = paired(
                lambda x=x, weights=weights, axis=axis: dynamic_image(x, weights, axis),
                lambda axis=axis: torch.sum(volume, 2 + axis),
                settings.pairs(31),
            )
            name = f"dynamic image, {kind}, {size}, axis {axis}, {count} thread(s)"
            limit = (most if kind == "float32" else BYTES) if count == 1 else None
            yield Result(name, ratios, limit, compared=COMPARED)


def _windows(settings: Settings, size: str, shape: tuple[int, ...]) -> Iterator[Result]:
    import torch

    from bench.views import PLANES, SlidingDynamic

    x = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 255
    volume = x[0, 0]
    for plane, axis in PLANES.items():
        view = SlidingDynamic(plane)
        bands = torch.from_numpy(view.bands(volume.shape[axis])).float()
        dense = (lambda b=bands: b @ volume.flatten(1), lambda b=bands: b @ volume, lambda b=bands: volume @ b.T)[axis]
        ratios = paired(lambda view=view: view(x, (1.0, 1.0, 1.0)), dense, settings.pairs(15))
        yield Result(f"windows of {view.width} slices, {size}, axis {axis}", ratios, WINDOWS, compared=AGAINST)
