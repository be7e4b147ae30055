"""The implementations that benchmarks compare."""
