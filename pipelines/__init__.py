"""Beam programs; they run from a checkout as `python -m pipelines.NAME`."""

from keras_lpips_quiet_imports import silence_imports

silence_imports()
