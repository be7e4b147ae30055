r"""Finds near-duplicates: all pairs of images within a distance.

    python -m pipelines.find_duplicates --images 'photos/**.png' \
        --output near.csv --threshold 0.05

Images of one size are compared by their flat embeddings, whose squared
distance is LPIPS; with --resize, all images. Beam's options follow `--`.
`docs/commands/find_duplicates.md` describes the cost.
"""

import sys
from collections.abc import Sequence

from keras_lpips_cli.program import run
from pipelines.beam_options import configure_logging, parse_with_beam
from pipelines.near_duplicates.config import DuplicatesConfig

NAME = "pipelines.find_duplicates"


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and searches; returns the exit status."""
    config, options = parse_with_beam(
        DuplicatesConfig, __doc__, argv, prog=NAME
    )

    def work():
        from pipelines.near_duplicates.job import find_duplicates

        record = find_duplicates(config, options)
        for reason in record["failed"].values():
            print(f"{NAME}: skipped: {reason}", file=sys.stderr)
        print(
            f"{record['pairs']} pairs among {record['images']} images within "
            f"{config.threshold:g} ({config.output})"
        )

    return run(NAME, work, "the same command resumes")


if __name__ == "__main__":
    configure_logging()
    sys.exit(main())
