"""Augmentation of training scans: one file for each kind of transform, and the augmenter that draws and applies them.

`bench.method.augmentation_policies` has the names, the probabilities and the ranges.
"""
