"""The metrics that can be evaluated, all with one interface."""
