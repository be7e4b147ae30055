"""How benchmarks take turns, describe the machine and report."""
