"""Readers of scans and of their tables: BIDS, NIfTI, MetaImage, image folders, image-mask pairs."""
