"""Predictions that were made elsewhere: folds to make them on, checks by name, and records and reports of them."""
