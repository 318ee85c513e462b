"""Parameters and multiplications of well-known networks, as torchvision publishes them with its weights.

The networks are built without memory (on torch's device `meta`), so that only shapes are computed.
"""

from __future__ import annotations

from functools import cache, partial

from bench.analysis.verify.yardstick import Yardstick, in_code
from bench.core import Task
from bench.registry import make
from bench.training.model_cost import forward_flops, parameters

IMAGE, CLIP = (3, 224, 224), (3, 16, 112, 112)
SOURCE = "torchvision, table of all available weights ({entry})"
PUBLISHED = {  # network: (parameters, thousand million multiplications, shape that they are counted for)
    "resnet18": ("11689512", "1.814", IMAGE),
    "resnet50": ("25557032", "4.089", IMAGE),
    "densenet121": ("7978856", "2.834", IMAGE),
    "vgg16": ("138357544", "15.47", IMAGE),
    "mobilenet_v2": ("3504872", "0.301", IMAGE),
    "efficientnet_b0": ("5288548", "0.386", IMAGE),
    "convnext_tiny": ("28589128", "4.456", IMAGE),
    "swin_t": ("28288354", "4.491", IMAGE),
    "vit_b_16": ("86567656", "17.564", IMAGE),
    "r3d_18": ("33371472", "40.697", CLIP),
    "mc3_18": ("11695440", "43.343", CLIP),
    "r2plus1d_18": ("31505325", "40.519", CLIP),
}
THOUSAND = Task("classification", "balanced_accuracy", tuple(f"class {at}" for at in range(1000)))


@cache
def _published_network(name: str, shape: tuple[int, ...]) -> tuple[int, float]:
    """Parameters, and multiplications in thousand millions, of a network of torchvision."""
    import torch
    from torchvision.models import get_model

    with torch.device("meta"):
        network = get_model(name, weights=None)
    return parameters(network), (forward_flops(network, shape) or 0) / 2e9


@cache
def _own_network(method: str, network: str, shape: tuple[int, ...]) -> tuple[int, float]:
    """The same of the network that a method of this package builds for a thousand classes."""
    built = make("methods", method, {"network": network}).build(THOUSAND, shape)
    return parameters(built), (forward_flops(built, shape) or 0) / 2e9


def _counts() -> list[Yardstick]:
    rows = []
    for network, (weights, products, shape) in PUBLISHED.items():
        size, source = " x ".join(map(str, shape[1:])), SOURCE.format(entry=network)
        counts = partial(_published_network, network, shape)
        rows.append(Yardstick(f"{network}_parameters", f"{network}: parameters", weights, source,
                              in_code(lambda counts=counts: counts()[0])))  # fmt: skip
        rows.append(Yardstick(f"{network}_products", f"{network}: 10^9 multiplications for an input of {size}",
                              products, source, in_code(lambda counts=counts: counts()[1])))  # fmt: skip
    return rows


def _arms() -> list[Yardstick]:
    counts = partial(_own_network, "timm2d", "resnet18", IMAGE)
    weights, products, _ = PUBLISHED["resnet18"]
    source, what = SOURCE.format(entry="resnet18"), "the network of the method timm2d for 1,000 classes"
    return [
        Yardstick("timm2d_parameters", f"{what}: parameters", weights, source, in_code(lambda: counts()[0])),
        Yardstick("timm2d_products", f"{what}: 10^9 multiplications", products, source, in_code(lambda: counts()[1])),
    ]


YARDSTICKS = [*_counts(), *_arms()]
