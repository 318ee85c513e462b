"""Saliency of trained networks: maps on the network's input, projected back to the scan, and scored against the truth.

`bench.training.trained_model` loads a finished trial with its saved weights; `saliency` computes maps of a network's
input; `nifti_maps` projects them back to the scan and writes NIfTI; `localisation` scores them against the truth of a
phantom; `randomisation` tests whether they depend on the weights; `saliency_maps` does all of it for one trial.
"""
