"""Transforms of bench beside those of MONAI, TorchIO and, if it is installed, kornia: time and determinism.

Run as `python tests/performance/augmentation_libraries.py`; it prints the table of results/reference/augmentation. One
thread, a batch of four volumes of 91 x 109 x 91 voxels, the smallest of five times. repeatable: the same seed gives the
same batch. alone: a scan becomes the same whatever else is in its batch.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

SHAPE, SCANS, ROUNDS = (1, 91, 109, 91), 4, 5
Batched = Callable[[Tensor], Tensor]


def one_by_one(transform: Callable[[Tensor], Tensor]) -> Batched:
    """A transform of scans for batches."""
    return lambda x: torch.stack([torch.as_tensor(transform(one)) for one in x])


def ours() -> Iterator[tuple[str, Batched, Callable[[], object]]]:
    """The transforms of bench; the scan at position 1 draws the same alone."""
    from bench.method.augmentation_policies import TRANSFORMS
    from bench.training.augment.augmenter import APPLY, change
    from bench.training.augment.changed_scan import ChangedScan
    from bench.training.augment.scan_random import ScanRandom

    random = ScanRandom(0, SCANS)

    def batched(kind: str, x: Tensor) -> Tensor:
        changed = []
        for position, one in zip(range(SCANS) if len(x) > 1 else [1], x, strict=True):
            scan = ChangedScan(one, None, (2.0,) * 3, random)
            change(scan, [(TRANSFORMS[kind], random.of_scan(kind, 0, position))])
            changed.append(scan.x)
        return torch.stack(changed)

    for kind in APPLY:
        yield kind, lambda x, kind=kind: batched(kind, x), lambda: None


def monais() -> Iterator[tuple[str, Batched, Callable[[], object]]]:
    """MONAI's array transforms, which work on one scan."""
    import monai.transforms as known

    made = {
        "flip": known.RandFlip(1.0, 0),
        "affine": known.RandAffine(
            1.0, (0.17,) * 3, translate_range=(5,) * 3, scale_range=(0.1,) * 3, padding_mode="border"
        ),
        "crop": known.RandZoom(1.0, 1.0, 1.25, mode="trilinear", padding_mode="edge"),
        "elastic": known.Rand3DElastic((5, 7), (50, 150), 1.0, padding_mode="border"),
        "bias_field": known.RandBiasField(prob=1.0),
        "noise": known.RandGaussianNoise(1.0, 0, 10),
        "blur": known.RandGaussianSmooth((0.5, 1), (0.5, 1), (0.5, 1), 1.0),
        "contrast": known.RandScaleIntensityFixedMean(1.0, 0.25, fixed_mean=True, preserve_range=True),
        "low_resolution": known.RandSimulateLowResolution(1.0),
        "gamma": known.RandAdjustContrast(1.0, (0.7, 1.5), retain_stats=True),
    }  # fmt: skip
    for kind, transform in made.items():
        yield kind, one_by_one(transform), lambda transform=transform: transform.set_random_state(7)


def torchios() -> Iterator[tuple[str, Batched, Callable[[], object]]]:
    """TorchIO's random transforms, which work on one scan."""
    import torchio

    made = {
        "flip": torchio.RandomFlip(axes=(0,), flip_probability=1.0),
        "affine": torchio.RandomAffine(),
        "elastic": torchio.RandomElasticDeformation(),
        "bias_field": torchio.RandomBiasField(),
        "noise": torchio.RandomNoise(std=(0, 10)),
        "blur": torchio.RandomBlur(std=(1, 2)),
        "low_resolution": torchio.RandomAnisotropy(),
        "gamma": torchio.RandomGamma(),
    }
    for kind, transform in made.items():
        yield kind, one_by_one(transform), lambda: torch.manual_seed(7)


def kornias() -> Iterator[tuple[str, Batched, Callable[[], object]]]:
    """Kornia's transforms of batches of volumes."""
    try:
        import kornia.augmentation as known
    except ImportError:
        return
    made = {
        "flip": known.RandomHorizontalFlip3D(p=1.0),
        "affine": known.RandomAffine3D((10.0,) * 3, (0.05,) * 3, (0.9, 1.1), p=1.0),
        "crop": known.RandomCrop3D((73, 87, 73), p=1.0),
    }
    for kind, transform in made.items():
        yield kind, transform, lambda: torch.manual_seed(7)


def measured(batched: Batched, seed: Callable[[], object], x: Tensor) -> str:
    """Milliseconds a scan, and which promises hold."""
    times, found = [], []
    for _ in range(ROUNDS):
        seed()
        start = time.perf_counter()
        found.append(batched(x))
        times.append(time.perf_counter() - start)
    seed()
    alone = torch.equal(torch.as_tensor(batched(x[1:2])[0]), torch.as_tensor(found[0][1]))
    words = ["" if torch.equal(*map(torch.as_tensor, found[:2])) else "not repeatable", "alone" if alone else ""]
    return f"{1000 * min(times) / SCANS:.1f}" + "".join(f", {word}" for word in words if word)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    x = torch.rand((SCANS, *SHAPE), generator=torch.Generator().manual_seed(0)) * 200
    table: dict[str, dict[str, str]] = {}
    for library, transforms in {"bench": ours, "MONAI": monais, "TorchIO": torchios, "kornia": kornias}.items():
        for kind, batched, seed in transforms():
            table.setdefault(kind, {})[library] = measured(batched, seed, x)
    print("| ms a scan | bench | MONAI | TorchIO | kornia |\n| --- | --- | --- | --- | --- |")
    for kind, row in table.items():
        print(f"| {kind} | " + " | ".join(row.get(each, "") for each in ("bench", "MONAI", "TorchIO", "kornia")) + " |")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
