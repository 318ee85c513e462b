"""The optimiser step as one recorded piece of work: captured once per shape and stage, checked, then replayed."""
