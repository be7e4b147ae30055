r"""Precomputes the vectors of `lin-fast` recipes with Beam.

    python -m training.precompute --recipe alex/lin-fast --data-dir DATA \
        --output VECTORS -- \
        --direct_running_mode=multi_processing --direct_num_workers=8
    python -m training.train --recipe alex/lin-fast --data-dir DATA \
        --vectors VECTORS --output runs/alex-lin-fast

Beam's options follow `--`; on a cluster, all workers must see the data and the
output. The vectors equal those that `training.train` computes itself without
`--vectors`, and serve any number of runs. The same command resumes.
"""

import logging
import sys
from collections.abc import Sequence

from keras_lpips_cli.program import run
from pipelines.beam_options import parse_with_beam
from training.configs import PrecomputeConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Computes the vectors and returns the exit status."""
    config, options = parse_with_beam(
        PrecomputeConfig, __doc__, argv, prog="training.precompute"
    )

    def work():
        from training.data.precompute import precompute

        precompute(config, options)

    return run("training.precompute", work, "the same command resumes")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("pipelines").setLevel(logging.INFO)
    sys.exit(main())
