r"""Tabulates the distance of known distortions, for `keras-lpips explain`.

    python -m training.equivalents --photos DIR --output equivalents.json

For every metric: the median and the quartiles, over the photographs, of the
distances of JPEG, a Gaussian blur, noise and a shift of several strengths. They
never fall with the strength (isotonic regression). The file is written after
each metric; the same command continues with those that it lacks.
"""

import sys
from collections.abc import Sequence

from keras_lpips_cli.program import parse, run
from training.configs import EquivalentsConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the tables and returns the exit status."""
    config = parse(
        EquivalentsConfig, __doc__, argv, prog="training.equivalents"
    )

    def work():
        from training.report.equivalents import tabulate

        tabulate(config)

    return run("training.equivalents", work, "the same command continues")


if __name__ == "__main__":
    sys.exit(main())
