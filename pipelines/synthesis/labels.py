"""Answers that no person gave: none, the order of severity, or a metric's."""

from collections.abc import Sequence

import numpy as np

from pipelines.synthesis.recipe import Recipe
from tfds_bapps.source.errors import PreparationError

NETS = ("alex", "vgg", "squeeze")
VERSIONS = ("0.1", "0.0")
PAIRWISE = ("l2", "ssim")
JUDGES = ("none", "severity", *PAIRWISE, *NETS)
# Triplets that a network scores at once; fixed, since sums in float32 may
# depend on it.
BATCH_SIZE = 64


def network_of(judge: str) -> tuple[str, str, bool] | None:
    """What makes an LPIPS of a judge's name.

    Args:
        judge: NET, "lpips/NET@VERSION" or "off-the-shelf/NET"; the version
            may be left out. `training.evaluate` spells them so.

    Returns:
        The net, the version, and whether its heads are used; `None` if the
        name is of no network.
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


def meaning_of(judge: str) -> str:
    """What the answers of a judge are, in a sentence."""
    if judge == "none":
        return "There are no judgements: every answer is NaN."
    if judge == "severity":
        return (
            "Not human: both patches have one type of distortion, and the "
            "weaker one is said to be closer."
        )
    return (
        f"Not human: the soft answer of the metric {judge}, "
        "d(ref, p0) / (d(ref, p0) + d(ref, p1))."
    )


def check_judge(judge: str, task: str) -> None:
    """Raises `PreparationError` for a judge that there is not."""
    if judge not in JUDGES and network_of(judge) is None:
        raise PreparationError(
            f"--judge must be one of {', '.join(JUDGES)}, lpips/NET@VERSION, "
            f"off-the-shelf/NET. Received: {judge}"
        )
    if task == "jnd" and judge != "none":
        raise PreparationError(
            "--judge must be none with --task jnd: whether people see a "
            "difference, only people can say."
        )


def answers(
    judge: str,
    recipes: Sequence[Recipe],
    triplets: Sequence[tuple[np.ndarray, ...]],
) -> np.ndarray:
    """The share of the answers that p1 is closer to the reference.

    Args:
        judge: one of `JUDGES`, or a name that `network_of` knows.
        recipes: what the triplets are.
        triplets: references, p0 and p1, uint8 RGB of one size.

    Returns:
        float32 `(triplets,)`, in [0, 1]; NaN where nobody was asked.
    """
    if judge == "none":
        return np.full(len(recipes), np.nan, np.float32)
    if judge == "severity":
        weaker = [
            recipe.strengths[1] < recipe.strengths[0] for recipe in recipes
        ]
        return np.array(weaker, np.float32)
    metric = distances(judge)
    share = []
    for start in range(0, len(triplets), BATCH_SIZE):
        batch = triplets[start : start + BATCH_SIZE]
        reference, p0, p1 = map(np.stack, zip(*batch, strict=True))
        d0, d1 = metric(reference, p0), metric(reference, p1)
        both = d0 + d1
        share.append(np.where(both > 0, d0 / np.where(both > 0, both, 1), 0.5))
    return np.concatenate(share).astype(np.float32)


def distances(metric):
    """A function of two uint8 batches that returns float64 `(batch,)`."""
    # Keras is loaded only where something is scored.
    if network := network_of(metric):
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
        if metric == "l2":
            return np.array([l2(*pair) for pair in pairs])
        return np.array([1 - ssim(*pair) for pair in pairs])

    return one_by_one
