"""The pages over all studies of a results folder: what is compared across them, and what has changed since."""
