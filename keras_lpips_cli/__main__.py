"""Runs the command as `python -m keras_lpips_cli`."""

import sys

from keras_lpips_cli.main import main

sys.exit(main())
