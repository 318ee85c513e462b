"""Baseline methods, one file each with METHOD in it; the networks lie in private files beside them."""
