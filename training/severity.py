r"""Scores how well metrics order severities, by type of distortion.

    python -m training.severity --data-dir DATA --output report/ \
        --metrics lpips/alex lpips/squeeze ssim psnr l2

`DATA` was made with `pipelines.synthesize --judge severity`: both patches of a
triplet have one type of distortion, and a metric should find the weaker one
closer. `training.metrics.registry` lists the metrics. Writes `severity.csv` and
`severity.md`.
"""

import sys
from collections.abc import Sequence

from keras_lpips_cli.program import parse, run
from training.configs import SeverityConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Scores metrics and returns the exit status."""
    config = parse(SeverityConfig, __doc__, argv, prog="training.severity")

    def work():
        from training.report.severity_table import score_severities

        score_severities(config)

    return run("training.severity", work, "the tables are not written")


if __name__ == "__main__":
    sys.exit(main())
