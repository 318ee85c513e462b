"""What the tests of learning share: a small form of every method, a fixed batch, twenty steps on it."""

from __future__ import annotations

import torch
from torch import nn

from bench import registry
from bench.core import DataSpec, Task, Trial
from bench.method import Batch, Method, Outputs, label_losses
from bench.views import effective

TWO = Task("classification", "auc", ("healthy", "patient"))
AGE = Task("regression", "mae", unit="years")
MASK = Task("segmentation", "dice", ("background", "vessel"))
TASKS = {"classes": TWO, "numbers": AGE, "masks": MASK}
SHAPES = {"volume": (1, 9, 18, 17), "image": (3, 32, 30)}  # of scans before the view, voxels of 4 mm
SMALL = {"network": "resnet10t", "options": {"channels": (16, 24, 32, 48), "stem_width": 8}}
FLAT = {"network": "resnet18", "options": {"layers": (1, 1, 1, 1), "channels": (16, 24, 32, 48)}}
SOLID = {
    "network": "ResNet",
    "options": {"block": "basic", "layers": (1, 1, 1, 1), "block_inplanes": (8, 12, 16, 24), "conv1_t_size": 3},
}
SEG = {"options": {"blocks_down": (1, 1), "blocks_up": (1,)}}
FORMS = {  # of methods whose default network is large; all others are tried as they come
    "distil": {"student": "timm2d", "student_params": SMALL},
    "ensemble": {"member": "timm2d", "member_params": SMALL, "size": 3},
    "fuseme": SMALL,
    "monai3d": SOLID,
    "monaiseg": SEG,
    "sammed3d": {"width": 48, "depth": 2, "heads": 2, "side": 3},
    "sfcn": {"channels": (8, 16, 16), "dropout": 0.0},
    "similarity_graph": SMALL,
    "slices": {**SMALL, "slices": 4},
    "timm2d": SMALL,
    "timm3d": FLAT,
    "unet3d": {"channels": (8, 16)},
    "vgg3d": {"dropout": 0.0},
    "weighted_pooling": SMALL,
    "xing2020": {"dense": (64,), "dropout": 0.0},
}
LARGE = ("dclse", "xing2020")  # whose small form is not small
# Scans of large networks leave the last stage nine positions of an image or more. With four, as of 32 pixels, the
# deviation of a batch is that of a few numbers, and eval mode, which takes another divisor, is another network.
WIDE = {"volume": (1, 5, 40, 36), "image": (3, 48, 46)}


def form(name: str) -> Method:
    """A method by name, in its small form."""
    return registry.make("methods", name, FORMS.get(name, {}))


def small_shape(name: str, kind: str) -> tuple[int, ...]:
    """The shape of the scans, before the view, that a method by name is tried on."""
    return (WIDE if name in LARGE else SHAPES)[kind]


def shape_after_view(method: Method, task: Task, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape after the view of scans of `shape`."""
    return effective(method.view_for(task), shape).shape(shape, (4.0,) * (len(shape) - 1))


def batch_of(method: Method, task: Task, shape: tuple[int, ...], scans: int = 4) -> Batch:
    """Scans of `shape` after the view whose mean follows their class or number, or with masks of where they are bright.

    What teachers would say of them is noise.
    """
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(scans, *shape, generator=draw)
    y = torch.tensor([0, 1, 1, 0])[:scans]
    if task.kind == "segmentation":
        y = (x[:, 0] > 0.5).long()
    else:
        x = x + y.reshape(-1, *[1] * len(shape))
    trial = Trial(DataSpec("phantom_ad"), registry.spec("methods", "constant"))
    result = [
        Outputs(*(torch.randn(scans, many, generator=draw) for many in (task.outputs, 32)))
        for _ in method.upstream(trial)
    ]
    return Batch(x, y.float() - 0.5 if task.kind == "regression" else y, torch.arange(scans), task, upstream=result)


def built(method: Method, batch: Batch, seed: int = 1) -> nn.Module:
    """The untrained network for the batch's scans."""
    torch.manual_seed(seed)
    return method.build(batch.task, tuple(batch.x.shape[1:]))


def settled(model: nn.Module, x: torch.Tensor) -> nn.Module:
    """The network with the batch statistics of `x` as they are now: those that it keeps follow too slowly for the few
    steps of a test, and with those of nothing an untrained network answers 0, which is a good guess of a number."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    paces = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all passes: a network that reads three planes makes three of them
    with torch.no_grad():
        model.train()(x)
    for norm, pace in zip(norms, paces, strict=True):
        norm.momentum = pace
    return model


def trained(method: Method, batch: Batch, steps: int, lr: float | None = None) -> tuple[nn.Module, float, list[float]]:
    """The network after so many steps on one batch; its loss in eval mode before them, and those of the steps.

    Before and after them its batch statistics are settled. lr: where none is given 3e-4, or the method's own if lower.
    """
    model, found = settled(built(method, batch), batch.x), []
    torch.manual_seed(2)
    before = loss(method, model, batch)
    lr = min(3e-4, method.lr) if lr is None else lr
    descent = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=lr)
    for _ in range(steps):
        model.train()
        descent.zero_grad()
        losses = method.step(model, batch).mean()
        losses.backward()
        descent.step()
        found.append(losses.item())
    return settled(model, batch.x), before, found


def loss(method: Method, model: nn.Module, batch: Batch) -> float:
    """The method's own loss in eval mode; of masks that of the whole scans, which patches are drawn from."""
    with torch.no_grad():
        model.eval()
        whole = batch.task.kind == "segmentation"
        own = label_losses(model(batch.x), batch) if whole else method.step(model, batch)
        return float(own.mean())


def solved(method: Method, batch: Batch) -> nn.Module:
    """The network whose weights `solve` has found on the batch."""
    model = built(method, batch)
    method.solve(model, batch.x.numpy(), batch.y.numpy(), batch.task, 0)
    return model
