"""Training and evaluation, run from a checkout as `python -m training.NAME`."""
