"""From scans to arrays and folds: readers, preparation, audit, splits, and the loader of a trial's arrays."""
