"""Synthetic labels: none, by severity, or by a metric."""

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import Net, Version
from pipelines.synthesis.triplet import Triplet

NETS, VERSIONS = get_args(Net), get_args(Version)
PAIRWISE = ("l2", "ssim")
JUDGES = ("none", "severity", *PAIRWISE, *NETS)
# Triplets in a network's batch: fixed, since float32 sums may depend on it.
BATCH_SIZE = 64


def parse_network(judge: str) -> tuple[str, str, bool] | None:
    """Parses a judge's name as an LPIPS.

    Args:
        judge: NET, "lpips/NET@VERSION" or "off-the-shelf/NET"; the version
            may be omitted. `training.evaluate` has the same names.

    Returns:
        The net, the version, and whether its heads are used; `None` for
        another name.
    """
    kind, _, rest = judge.rpartition("/")
    net, at, version = rest.partition("@")
    version = version if at else VERSIONS[0]
    if (
        kind not in ("", "lpips", "off-the-shelf")
        or net not in NETS
        or version not in VERSIONS
    ):
        return None
    return net, version, kind != "off-the-shelf"


def describe_judge(judge: str) -> str:
    """Returns a sentence that describes the answers of a judge."""
    if judge == "none":
        return "There are no judgements: every answer is NaN."
    if judge == "severity":
        return (
            "Not human: both patches have one type of distortion, and the "
            "weaker one counts as closer."
        )
    return (
        f"Not human: the soft answer of the metric {judge}, "
        "d(ref, p0) / (d(ref, p0) + d(ref, p1))."
    )


def check_judge(judge: str) -> None:
    """Raises `UserError` for an unknown judge."""
    if judge not in JUDGES and parse_network(judge) is None:
        raise UserError(
            f"--judge must be one of {', '.join(JUDGES)}, lpips/NET@VERSION, "
            f"off-the-shelf/NET. Received: {judge}"
        )


def label_triplets(
    judge: str,
    triplets: Sequence[Triplet],
    patches: Sequence[tuple[np.ndarray, ...]],
) -> np.ndarray:
    """Returns the share of votes for p1 as closer to the reference.

    Args:
        judge: one of `JUDGES`, or a name that `parse_network` knows.
        triplets: their types and strengths, which "severity" compares.
        patches: references, p0 and p1, uint8 RGB of one size.

    Returns:
        float32 `(triplets,)`, in [0, 1]; NaN for "none".
    """
    if judge == "none":
        return np.full(len(triplets), np.nan, np.float32)
    if judge == "severity":
        weaker = [
            triplet.strengths[1] < triplet.strengths[0] for triplet in triplets
        ]
        return np.array(weaker, np.float32)
    metric = make_metric(judge)
    share = []
    for start in range(0, len(patches), BATCH_SIZE):
        batch = patches[start : start + BATCH_SIZE]
        reference, p0, p1 = map(np.stack, zip(*batch, strict=True))
        d0, d1 = metric(reference, p0), metric(reference, p1)
        both = d0 + d1
        share.append(np.where(both > 0, d0 / np.where(both > 0, both, 1), 0.5))
    return np.concatenate(share).astype(np.float32)


def make_metric(judge: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Returns a function of two uint8 batches to float64 `(batch,)`."""
    # Keras is imported only where something is scored.
    if network := parse_network(judge):
        from keras_lpips import distance

        net, version, calibrated = network

        def lpips(reference, distorted):
            return np.float64(
                distance(
                    reference,
                    distorted,
                    net=net,
                    version=version,
                    calibrated=calibrated,
                )
            )

        return lpips

    from keras_lpips.baselines import l2, ssim

    def one_by_one(reference, distorted):
        pairs = zip(reference, distorted, strict=True)
        if judge == "l2":
            return np.array([l2(*pair) for pair in pairs])
        return np.array([1 - ssim(*pair) for pair in pairs])

    return one_by_one
