"""One training loop for every method: data of a trial, optimizer, curriculum hooks, checkpoints, inference, cost."""
