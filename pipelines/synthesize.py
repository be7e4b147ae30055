r"""Synthesizes data like BAPPS from photographs: triplets, or JND pairs.

    python -m pipelines.synthesize --photos DIR --triplets 20000 --output DATA
    python -m pipelines.synthesize --photos 'DIR/*.jpg' --triplets 1000000 \
        --output DATA --judge severity -- \
        --direct_running_mode=multi_processing --direct_num_workers=2

Beam's options follow `--`. The same command writes the same bytes on any runner
and with any number of workers, and resumes an interrupted run.
"""

import sys
import time
from collections.abc import Sequence

from keras_lpips_cli.program import run
from pipelines.beam_options import configure_logging, parse_with_beam
from pipelines.synthesis.config import SynthesisConfig

NAME = "pipelines.synthesize"


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and synthesizes; returns the exit status."""
    config, options = parse_with_beam(SynthesisConfig, __doc__, argv, prog=NAME)

    def work():
        from pipelines.synthesis.job import synthesize

        start = time.monotonic()
        manifest = synthesize(config, options)
        _print_summary(config, manifest, time.monotonic() - start)

    return run(NAME, work, "the same command resumes")


def _print_summary(config, manifest, seconds):
    for name, reason in manifest["skipped_photographs"].items():
        print(f"skipped: {name} {reason}")
    for split, entry in manifest["splits"].items():
        print(f"{entry['examples']:8} triplets in {split}")
    print(
        f"{config.output}: {config.triplets} triplets of "
        f"{len(manifest['photographs'])} photographs "
        f"({len(manifest['skipped_photographs'])} skipped) "
        f"in {seconds:.1f} s, {config.triplets / seconds:.0f} per second"
    )


if __name__ == "__main__":
    configure_logging()
    sys.exit(main())
