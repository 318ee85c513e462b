"""Weights from local files: read safely, carried over into a network, frozen, converted from published files.

Networks read safetensors files only; nothing is unpickled or downloaded when a study runs.
"""

from bench.weights.carried_tensors import Carried, carried_by, carry_over
from bench.weights.frozen_layers import freeze, last_stage
from bench.weights.pretrained_network import carry_pretraining
from bench.weights.weights_file import LOADS, fitting, sha256, tensors, verified, without_weights

__all__ = [
    "LOADS",
    "Carried",
    "carried_by",
    "carry_over",
    "carry_pretraining",
    "fitting",
    "freeze",
    "last_stage",
    "sha256",
    "tensors",
    "verified",
    "without_weights",
]
