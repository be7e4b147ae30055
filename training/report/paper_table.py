"""The paper's Table 5: columns, averages and rows."""

from collections.abc import Collection

# Columns of subsets, in the order of the table.
DISTORTIONS = ("traditional", "cnn")
ALGORITHMS = ("superres", "deblur", "color", "frameinterp")
SUBSETS = DISTORTIONS + ALGORITHMS
# Columns of averages: unweighted means over subsets.
AVERAGES = {
    "all distortions": DISTORTIONS,
    "all algorithms": ALGORITHMS,
    "all": SUBSETS,
}

# 2AFC in percent, as printed; columns are `SUBSETS`.
PUBLISHED = {
    "human": (80.8, 84.4, 73.4, 67.1, 68.8, 68.6),
    "L2": (59.9, 77.8, 64.7, 58.2, 63.5, 55.0),
    "SSIM": (60.3, 79.1, 65.1, 58.6, 58.1, 57.7),
    "FSIMc": (61.4, 78.6, 68.1, 59.5, 57.3, 57.7),
    "HDR-VDP": (57.4, 76.8, 64.7, 59.0, 53.7, 56.6),
    "Gaussian": (60.5, 80.7, 64.9, 59.5, 62.8, 57.2),
    "K-means": (66.6, 83.0, 67.3, 59.8, 63.1, 59.8),
    "Watching": (66.5, 80.7, 69.6, 60.6, 64.4, 61.6),
    "Split-Brain": (69.5, 81.4, 69.6, 59.3, 64.3, 61.1),
    "Puzzle": (71.5, 82.0, 70.2, 60.2, 62.8, 61.8),
    "BiGAN": (69.8, 83.0, 70.7, 60.5, 63.7, 62.5),
    "SqueezeNet, w = 1": (73.3, 82.6, 70.1, 60.1, 63.6, 62.0),
    "AlexNet, w = 1": (70.6, 83.1, 71.7, 60.7, 65.0, 62.7),
    "VGG, w = 1": (70.1, 81.3, 69.0, 59.0, 60.2, 62.1),
    "Squeeze, lin": (76.1, 83.5, 71.1, 60.8, 65.3, 63.2),
    "Alex, lin": (73.9, 83.4, 71.5, 61.2, 65.3, 63.2),
    "VGG, lin": (76.0, 82.8, 70.5, 60.5, 62.5, 63.0),
    "Squeeze, scratch": (74.9, 83.1, 71.1, 60.8, 63.0, 62.4),
    "Alex, scratch": (77.6, 82.8, 71.1, 61.0, 65.6, 63.3),
    "VGG, scratch": (77.9, 83.7, 71.1, 60.6, 64.0, 62.9),
    "Squeeze, tune": (76.7, 83.2, 70.4, 61.1, 63.2, 63.2),
    "Alex, tune": (77.7, 83.5, 69.1, 60.5, 64.8, 62.9),
    "VGG, tune": (79.3, 83.5, 69.8, 60.5, 63.4, 62.3),
}

# The published row of each metric.
ROW_OF_METRIC = {
    "l2": "L2",
    "ssim": "SSIM",
    "fsimc": "FSIMc",
    "gaussian/alex": "Gaussian",
    "off-the-shelf/squeeze": "SqueezeNet, w = 1",
    "off-the-shelf/alex": "AlexNet, w = 1",
    "off-the-shelf/vgg": "VGG, w = 1",
    "lpips/squeeze": "Squeeze, lin",
    "lpips/alex": "Alex, lin",
    "lpips/vgg": "VGG, lin",
}


def table_columns(subsets: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Returns a table's columns, each with the subsets that it averages.

    Args:
        subsets: names of the available subsets. Those of the paper come
            first, in its order. An average over some of the paper's subsets
            is included if all of them are available; "all" is the average of
            all available subsets.
    """
    ordered = [subset for subset in SUBSETS if subset in subsets]
    ordered += sorted(set(subsets) - set(SUBSETS))
    columns: dict[str, tuple[str, ...]] = {
        subset: (subset,) for subset in ordered
    }
    for name, members in AVERAGES.items():
        if set(members) <= set(subsets):
            columns[name] = members
    columns["all"] = tuple(ordered)
    return columns


def published_row(metric: str) -> dict[str, float] | None:
    """Returns the paper's row for a metric, in percent, or `None`."""
    if metric.startswith("kmeans/") and ":" not in metric:
        metric = "K-means"
    row = PUBLISHED.get(ROW_OF_METRIC.get(metric, metric))
    if row is None:
        return None
    by_subset = dict(zip(SUBSETS, row, strict=True))
    return {
        column: sum(by_subset[subset] for subset in members) / len(members)
        for column, members in table_columns(SUBSETS).items()
    }
