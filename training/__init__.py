"""Training and evaluation, run from a checkout as `python -m training.NAME`."""

from quiet_imports import silence_imports

silence_imports()
