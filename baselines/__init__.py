"""Baseline methods, one file each with METHOD in it; their networks are in private modules of this package."""
