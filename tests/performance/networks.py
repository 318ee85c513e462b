"""One training step of DCL-SE against those of timm's MobileNetV2 and of a 3D network of MONAI on the same scans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from performance.measure import Call, Result, Settings, paired, threads

BATCH, VOLUME = 8, (1, 46, 55, 46)  # of 4 mm
IMAGE = (3, 109, 91)  # the sagittal dynamic image at 2 mm
WITHOUT = {
    "third pointwise": {"pointwise": False},
    "second branch": {"second_branch": False},
    "attention": {"attention": False},
    "DGM": {"dgm": "none"},
}


def run(settings: Settings) -> Iterator[Result]:
    """Steps in turns, forward and backward, one thread."""
    rounds = settings.pairs(5)
    with threads(1):
        ours = _step("dclse", {}, IMAGE)
        others = {
            "MobileNetV2, the same images": _step("timm2d", {"network": "mobilenetv2_100"}, IMAGE),
            "ResNet-18, the same images": _step("timm2d", {}, IMAGE),
            "DenseNet-121 (3D), the volumes at 4 mm": _step("monai3d", {"view": {"kind": "volume"}}, VOLUME),
        }
        for name, plain in others.items():
            description = f"a training step (forward, backward) of DCL-SE on {BATCH} images of {IMAGE} against {name}"
            yield Result(f"DCL-SE against {name}", paired(ours, plain, rounds), compared=description)
        for name, params in WITHOUT.items():
            description = f"where the time of a step goes: DCL-SE without its {name} against the whole"
            yield Result(
                f"DCL-SE without {name}", paired(_step("dclse", params, IMAGE), ours, rounds), compared=description
            )
        learnt = _step("dclse", {"gpconv": "dynamic"}, IMAGE)
        description = "a training step with learnt groups against fixed ones"
        yield Result("learnt groups", paired(learnt, ours, rounds), 1.5, compared=description)
        full = {"gpconv": "dynamic", "auxiliary": True, "dcl": "cur", "fusion": "attention"}
        description = "a training step of the full form against the released network"
        yield Result("DCL-SE full", paired(_step("dclse", full, IMAGE), ours, rounds), 1.6, compared=description)
        yield from _quicker(ours, rounds)


def _quicker(ours: Call, rounds: int) -> Iterator[Result]:
    """What the harness does so that a step is quick, against the same step without it."""
    description = (
        "a training step of DCL-SE with pointwise convolutions marked as dilated, which changes nothing but the way"
    )
    built = _step("dclse", {}, IMAGE, memory_format=False)
    yield Result("pointwise by oneDNN", paired(ours, built, rounds), 1.0, compared=f"{description}, against as built")
    description = "an update of all weights of DCL-SE by AdamW, fused against torch's default"
    yield Result("fused update", paired(_update(True), _update(False), rounds), 0.7, compared=description)


def _step(name: str, params: dict[str, Any], shape: tuple[int, ...], memory_format: bool = True) -> Call:
    """A training step of a method without the optimiser's part, on a fixed batch. memory_format: the harness's."""
    import torch

    from bench import registry
    from bench.core import Task
    from bench.method import Batch
    from bench.training import optim

    task = Task("classification", "auc", ("a", "b"))
    method = registry.make("methods", name, params)
    torch.manual_seed(0)
    model, y = method.build(task, shape).train(), torch.arange(BATCH) % 2
    batch = Batch(torch.randn(BATCH, *shape), y, torch.arange(BATCH), task)

    def step() -> None:
        with optim.memory_format(model, torch.device("cpu")) if memory_format else nullcontext():
            model.zero_grad(set_to_none=True)
            method.step(model, batch).mean().backward()

    return step


def _update(fused: bool) -> Call:
    import torch

    from bench import registry
    from bench.core import Task
    from bench.training import optim

    method = registry.make("methods", "dclse")
    model = method.build(Task("classification", "auc", ("a", "b")), IMAGE)
    weights = list(model.parameters())
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    return (optim.optimiser(method, model, layered=False) if fused else torch.optim.AdamW(weights)).step
