"""From a study to its records: planning, launching, searching, running one trial."""
