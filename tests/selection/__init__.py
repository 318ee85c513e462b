"""Rules by which validation chooses the evaluation point: trainings, a comparison, and what can be gained unfairly."""
