"""Training and evaluation, run from a checkout as `python -m training.NAME`."""

from keras_lpips_quiet_imports import silence_imports

silence_imports()
