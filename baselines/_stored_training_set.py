"""Networks that store training scans: the sizes of their parameters and buffers depend on the training part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Grown(nn.Module):
    """Module that can load tensors whose sizes differ from its own."""

    @property
    def stored_numbers(self) -> int:
        """Number of stored values that no step trains: the cost table adds them to the parameters."""
        still = (own for own in self.parameters() if not own.requires_grad)
        return sum(own.numel() for own in (*self.buffers(), *still))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        for name, own in [*self._parameters.items(), *self._buffers.items()]:
            stored = state_dict.get(prefix + name)
            if own is not None and stored is not None and stored.shape != own.shape:
                own.data = own.data.new_empty(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def keep(self, name: str, value: Any) -> None:
        """Set a parameter or buffer of any size; it stays on its device."""
        own = getattr(self, name)
        own.data = torch.as_tensor(value).to(own.device, own.dtype).contiguous()


def thumbnails(x: Tensor, side: int) -> Tensor:
    """(B, C, ...) as (B, pixels), averaged to at most `side` along each axis."""
    sizes = tuple(min(side, size) for size in x.shape[2:])
    return (F.adaptive_avg_pool2d if x.ndim == 4 else F.adaptive_avg_pool3d)(x, sizes).flatten(1)
