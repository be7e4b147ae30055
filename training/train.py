r"""Trains LPIPS on judgements.

    python -m training.train --recipe alex/lin --data-dir DATA \
        --output runs/alex-lin

`python -m training.recipes` lists the recipes. The same command resumes a
stopped run and leaves a finished one unchanged. Several machines train one run
when each has `TF_CONFIG` and sees the same `--output`.
"""

import sys
from collections.abc import Sequence

from keras_lpips_cli.program import parse, run
from training.configs import TrainConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Trains a run and returns the exit status."""
    config = parse(TrainConfig, __doc__, argv, prog="training.train")

    def work():
        from training.run.devices import make_strategy

        # Several workers must connect before anything else computes.
        strategy = make_strategy(config.jit)
        from training.run.trainer import train

        train(config, strategy)

    return run("training.train", work, "the same command resumes")


if __name__ == "__main__":
    sys.exit(main())
