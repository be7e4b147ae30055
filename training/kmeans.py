r"""Computes the paper's "K-means": backbone weights from clusters of patches.

    python -m training.kmeans --photos DIR --output kmeans.npz
    python -m training.evaluate --metrics kmeans/kmeans.npz ...

Layer by layer and without labels, it clusters whitened patches of the layer's
input and scales each channel to unit variance (Krähenbühl et al., ICLR 2016).
`kmeans.json` beside the weights records settings, photographs and versions.
Takes half a minute on one core.
"""

import sys
from collections.abc import Sequence

from keras_lpips_cli.program import parse, run
from training.configs import KmeansConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Computes the weights and returns the exit status."""
    config = parse(KmeansConfig, __doc__, argv, prog="training.kmeans")

    def work():
        from training.model.kmeans_weights import make_weights

        make_weights(config)

    return run("training.kmeans", work, "the weights are not written")


if __name__ == "__main__":
    sys.exit(main())
