r"""Reports how well metrics agree with human judgements.

    python -m training.evaluate --data-dir DATA --output report/ \
        --metrics lpips/alex off-the-shelf/squeeze ssim fsimc l2 runs/alex-lin

`training.metrics.registry` lists the metrics. The report is `report.md`, which
has the paper's numbers beside ours, with `two_afc.csv`, `differences.csv`,
`triplets.csv`, `jnd.csv`, `shift.csv`, the chart `two_afc.png` and
`disagreements.html`.
"""

import sys
from collections.abc import Sequence

from keras_lpips_cli.program import parse, run
from training.configs import EvaluateConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluates metrics and returns the exit status."""
    config = parse(EvaluateConfig, __doc__, argv, prog="training.evaluate")

    def work():
        from training.report.evaluation import evaluate

        evaluate(config)

    return run("training.evaluate", work, "the report is not written")


if __name__ == "__main__":
    sys.exit(main())
