r"""Scores pairs of images: their LPIPS distances, at any scale.

    python -m pipelines.score --pairs pairs.csv --net alex --output scores
    python -m pipelines.score --pairs 'refs/*.png,outs/*.png' --output scores \
        -- --direct_running_mode=multi_processing --direct_num_workers=8

Beam's options follow `--`. The same command writes the same bytes on any
runner and with any number of workers; `--resume` resumes an interrupted run.
`docs/engines.md` describes clusters.
"""

import sys
import time
from collections.abc import Sequence

from keras_lpips_cli.program import run
from pipelines.beam_options import configure_logging, parse_with_beam
from pipelines.scoring.config import ScoringConfig

NAME = "pipelines.score"


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and scores; returns the exit status."""
    config, options = parse_with_beam(ScoringConfig, __doc__, argv, prog=NAME)

    def work():
        from pipelines.scoring.job import TooManyFailedPairsError, score

        start = time.monotonic()
        try:
            manifest = score(config, options)
        except TooManyFailedPairsError as error:
            for line in error.examples:
                print(f"{NAME}: {line}", file=sys.stderr)
            raise
        seconds = time.monotonic() - start
        print(
            f"{manifest['mean']:.6f}  mean of {manifest['scored']} pairs "
            f"({manifest['failed']} failed) in {config.output}, "
            f"in {seconds:.1f} s, {manifest['scored'] / seconds:.0f} per second"
        )

    return run(NAME, work, "resume with --resume")


if __name__ == "__main__":
    configure_logging()
    sys.exit(main())
