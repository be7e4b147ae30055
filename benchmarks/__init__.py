"""Measurements; each program's docstring has its command and its result."""
