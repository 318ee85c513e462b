"""A method's numbers do not change unless its version is raised: the losses of its first steps, kept in a file.

After a change that is meant, raise the method's version and run `python tests/members/test_golden_losses.py` to write
the file again.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bench import registry
from bench.core import PRETEXT, DataSpec, Task, Trial
from bench.data.registration_kind import REGISTRATION
from bench.data.translation_kind import TRANSLATION
from bench.method import Batch, Method, Outputs, label_losses
from bench.views import effective

GOLDEN = Path(__file__).parents[1] / "golden" / "losses.json"
TASK = Task("classification", "auc", ("healthy", "patient"))
MASKS = Task("segmentation", "dice", ("background", "lesion"))
PAIRS = Task(REGISTRATION, "region_dice", ("background", "structure"))
IMAGES = Task(TRANSLATION, "psnr", ("one", "other"))
SHAPE = (1, 36, 40, 36)


def steps(name: str) -> dict[str, object]:
    """The version and losses of two steps of a method on scans made of a seed, in float64: alike on any processor."""
    method: Method = registry.make("methods", name)
    torch.manual_seed(0)
    if PAIRS.kind in method.kinds:
        return aligned(method)
    if IMAGES.kind in method.kinds:
        return generated(method)
    view = effective(method.view, SHAPE)
    x = view(torch.rand(4, *SHAPE), (4.0, 4.0, 4.0))
    x = ((x - x.mean()) / x.std()).double()
    task = next(each for each in (TASK, PRETEXT, MASKS) if method.refuses(each, SHAPE) is None)
    x = x[:1, :, :32, :32, :32] if task is MASKS else x  # which take the longest
    model = method.build(task, tuple(x.shape[1:])).double()
    y = (x[:, 0] > 1).long() if task is MASKS else torch.tensor([0, 1, 0, 1])
    if method.solves:
        method.solve(model, x.numpy().astype("float32"), y.numpy(), TASK, 0)
        losses = torch.nn.functional.cross_entropy(model(x), y, reduction="none")
        return _entry(method, [losses])
    trial = Trial(DataSpec("any"), registry.spec("methods", "constant"))
    teachers = [Outputs(torch.randn(4, 2).double(), torch.randn(4, 32).double()) for _ in method.upstream(trial)]
    descent = torch.optim.SGD(model.parameters(), lr=1e-3)
    found = []
    for _ in range(2):
        losses = method.step(model, Batch(x, y, torch.arange(len(x)), task, upstream=teachers))
        found.append(losses)
        descent.zero_grad()
        losses.mean().backward()
        descent.step()
    return _entry(method, found)


def aligned(method: Method) -> dict[str, object]:
    """As `steps`, of a method that aligns pairs; one loss of a method without steps."""
    scans = torch.nn.functional.interpolate(torch.rand(2, 2, 5, 5, 5), (18, 16, 16), mode="trilinear")
    scans = (scans - scans.mean()) / scans.std()
    batch = Batch(scans, torch.zeros(2, 2, 18, 16, 16, dtype=torch.int64), torch.arange(2), PAIRS)
    return _stepped(method, method.build(PAIRS, (2, 18, 16, 16)), batch)


def generated(method: Method) -> dict[str, object]:
    """As `steps`, of a method that generates one contrast from another one."""
    images = torch.nn.functional.interpolate(torch.rand(2, 2, 5, 5, 5), (18, 16, 16), mode="trilinear")
    codes = torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1, 1).expand(2, 1, 18, 16, 16)
    x, y = torch.cat([images[:, :1], codes], dim=1), images[:, 1:]
    model = method.build(IMAGES, (2, 18, 16, 16))
    if method.solves and method.learns:
        method.solve(model, x.numpy(), y.numpy(), IMAGES, 0)
    return _stepped(method, model, Batch(x, y, torch.arange(2), IMAGES))


def _stepped(method: Method, model: torch.nn.Module, batch: Batch) -> dict[str, object]:
    """The losses of two steps; one loss of a method without steps."""
    if method.solves:
        return _entry(method, [label_losses(model(batch.x), batch)])
    found = []
    descent = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(2):
        losses = method.step(model, batch)
        found.append(losses)
        descent.zero_grad()
        losses.mean().backward()
        descent.step()
    return _entry(method, found)


def _entry(method: Method, losses: list[torch.Tensor]) -> dict[str, object]:
    means = [round(float(one.detach().mean()), 9) for one in losses]
    return {"version": method.version, "losses": means}


@pytest.mark.parametrize("name", registry.names("methods"))
def test_numbers_change_only_with_the_version(name):
    torch.set_num_threads(1)
    if name == "syn":
        pytest.importorskip("dipy")  # an optional extra
    remaining = json.loads(GOLDEN.read_text())[name]
    now = steps(name)
    if now["version"] != remaining["version"]:
        pytest.fail(f"{name} is version {now['version']}: write its losses again, see the head of this file")
    assert now["losses"] == pytest.approx(remaining["losses"], rel=1e-4, abs=1e-6), f"{name} changed: raise its version"


if __name__ == "__main__":
    torch.set_num_threads(1)
    GOLDEN.write_text(json.dumps({name: steps(name) for name in registry.names("methods")}, indent=1) + "\n")
