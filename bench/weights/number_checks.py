"""Check the numbers of stored tensors: a network begins with real, finite ones of the kind that it has itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.core import plural
from bench.weights.tensor_names import first_names

if TYPE_CHECKING:
    from torch import Tensor

VARIANCE = "running_var"  # end of the name of the variances of a batch normalisation


def why_unusable(state: Mapping[str, Tensor]) -> str | None:
    """Return why no network can begin with the tensors of a file.

    Parameters
    ----------
    state : mapping of str to Tensor
        The tensors by name.

    Returns
    -------
    str or None
        A clause for a sentence that begins with the file; None if all numbers are real and finite.
    """
    odd = [f"{name} is {_kind(each)}" for name, each in state.items() if not _real(each)]
    if odd:
        return f"holds numbers that no network here reads: {first_names(odd)}"
    negative = [name for name, each in state.items() if name.endswith(VARIANCE) and bool((each < 0).any())]
    if negative:
        return f"holds variances below 0: {first_names(negative)}"
    bad = {name: int((~each.isfinite()).sum()) for name, each in state.items() if each.is_floating_point()}
    bad = {name: count for name, count in bad.items() if count}
    if bad:
        numbers = plural(sum(bad.values()), "number")
        return f"holds {numbers} that are not finite (NaN or infinite), in {first_names(list(bad))}"
    return None


def other_kind(stored: Tensor, own: Tensor) -> str | None:
    """Return the kinds of two tensors if one has whole numbers and the other has fractions; None if they agree.

    Whole numbers in the place of fractions are quantized weights, whose scale is elsewhere.

    Parameters
    ----------
    stored, own : Tensor
        Of the file and of the network.

    Returns
    -------
    str or None
        A clause such as `int8, not float32`.
    """
    if stored.is_floating_point() == own.is_floating_point():
        return None
    return f"{_kind(stored)}, not {_kind(own)}"


def _real(tensor: Tensor) -> bool:
    import torch

    fractions = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    return tensor.dtype in fractions or not (tensor.is_floating_point() or tensor.is_complex())


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
