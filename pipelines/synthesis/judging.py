"""Answers that no person gave: none, the order of severity, or a metric's."""

from collections.abc import Sequence

import numpy as np

from pipelines.synthesis.recipe import Recipe
from tfds_bapps.problems import PreparationError

NETS = ("alex", "vgg", "squeeze")
METRICS = ("l2", "ssim", *NETS)
JUDGES = ("none", "severity", *METRICS)
# Triplets that a network scores at once; fixed, since sums in float32 may
# depend on it.
BATCH_SIZE = 64
MEANING = {
    "none": "There are no judgements: every answer is NaN.",
    "severity": (
        "Not human: both patches have one type of distortion, and the weaker "
        "one is said to be closer."
    ),
    **{
        metric: (
            f"Not human: the soft answer of the metric {metric}, "
            "d(ref, p0) / (d(ref, p0) + d(ref, p1))."
        )
        for metric in METRICS
    },
}


def check_judge(judge: str, task: str) -> None:
    """Raises `PreparationError` for a judge that there is not."""
    if judge not in JUDGES:
        raise PreparationError(
            f"--judge must be one of {', '.join(JUDGES)}. Received: {judge}"
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
        judge: one of `JUDGES`.
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
    if metric in NETS:
        from keras_lpips import distance

        def lpips(reference, distorted):
            return np.float64(distance(reference, distorted, net=metric))

        return lpips

    from keras_lpips.low_level import l2, ssim

    def one_by_one(reference, distorted):
        pairs = zip(reference, distorted, strict=True)
        if metric == "l2":
            return np.array([l2(*pair) for pair in pairs])
        return np.array([1 - ssim(*pair) for pair in pairs])

    return one_by_one
