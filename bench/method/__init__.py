"""Methods: the base class that every network under test extends, its losses, and the outputs of a network.

Light to import: torch is imported where it is used.
"""

from bench.method.base_method import DESCENT, FAMILIES, RENAMED, Method, overheard
from bench.method.label_mixture import Mixture
from bench.method.losses import label_losses, soft_dice
from bench.method.method_refusals import unfit, why_refused, why_unsupported
from bench.method.network_outputs import Outputs, capture_outputs, outputs
from bench.method.pretrained_method import PretrainedMethod
from bench.method.pretraining import Pretraining
from bench.method.training_batch import Batch

__all__ = [
    "DESCENT",
    "FAMILIES",
    "RENAMED",
    "Batch",
    "Method",
    "Mixture",
    "Outputs",
    "PretrainedMethod",
    "Pretraining",
    "capture_outputs",
    "label_losses",
    "outputs",
    "overheard",
    "soft_dice",
    "unfit",
    "why_refused",
    "why_unsupported",
]
