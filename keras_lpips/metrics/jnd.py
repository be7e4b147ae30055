"""The JND score: agreement with judgements of "same or different".

Zhang et al. (2018), section 3.
"""

import numpy as np

from keras_lpips.metrics.two_afc import check_share, check_vectors


def jnd_average_precision(distances, same) -> float:
    """Returns the average precision of small distances as "same".

    Pairs are taken from the closest to the farthest. With `TP = cumsum(same)`
    and `FP = cumsum(1 - same)`, precision is `TP / (TP + FP)` and recall is
    `TP / sum(same)`; the result is the area under the envelope of precision
    over recall (VOC's, not the one at 11 points). Votes are soft, and pairs of
    equal distance keep their order.

    Args:
        distances: float, `(pairs,)`.
        same: float, `(pairs,)`, [0, 1]: share of people who said "same".

    Returns:
        The average precision, [0, 1]; the paper's mAP is its mean over the
        subsets.

    Raises:
        ValueError: also if nobody said "same", which leaves no recall.
    """
    distances, same = check_vectors(distances=distances, same=same)
    check_share("same", same)
    if same.sum() == 0:
        raise ValueError("`same` must be above 0 somewhere. Received: all 0")
    same = same[np.argsort(distances, kind="stable")]
    precision = np.cumsum(same) / np.arange(1, same.size + 1)
    recall = np.cumsum(same) / same.sum()
    # The highest precision at this recall or any higher one.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * envelope))
