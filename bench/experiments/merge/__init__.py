"""Results of several machines as one: plans that agree, records that are whole, and code that is the same."""
