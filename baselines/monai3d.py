"""Any three-dimensional classifier of MONAI, on the volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core import Range, Task, param
from bench.method import DESCENT, PretrainedMethod, why_unsupported
from bench.views import View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Monai3d(PretrainedMethod):
    """A network of MONAI (DenseNet, ResNet, SE-ResNet, EfficientNet, ViT) on the volume.

    At 4 mm a DenseNet-121 can be trained on a CPU; on a GPU use `view.mm=2`, or `view.mm=0` for the prepared voxels.
    The arguments for channels and classes are recognised by name; `options` sets all others. It reads volumes only; for
    a ViT they are padded to whole patches by repeating the border. Unsupported sizes are an error before training.
    `SwinEncoder` is the encoder of SwinUNETR with a linear head. Source: https://github.com/Project-MONAI/MONAI.
    """

    family: ClassVar[str] = "3d"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(mm=4.0), "how a scan becomes the input of the network")
    network: str = param("DenseNet121", "name of the network in monai.networks.nets")
    options: Mapping[str, Any] | None = param(
        None, 'other arguments of the network, as JSON: {"model_name": "efficientnet-b0"}'
    )
    head_scale: float = param(
        1.0,
        "factor of the first weights of the output layer, where no file has them; 0: the first answers are 0. MONAI "
        "draws those of EfficientNets for many classes: with few outputs first answers are very large",
        later=True,
        within=(0,),
    )

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines import _monai

        model = _monai.create(self.network, shape, task.outputs, self.options or {})
        _monai.scale_head(model, task.outputs, self.head_scale)
        return model

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        from baselines._input_sizes import misfit

        reason = why_unsupported(self, task, shape, (3,))
        return reason or misfit(lambda shown: self.build(task, shown), self.view, shape)

    def check(self) -> None:
        from baselines import _monai

        _monai.check(self.network, self.options or {})
        super().check()


METHOD = Monai3d
