"""Trained networks examined: saliency, robustness to corrupted scans, speed."""
