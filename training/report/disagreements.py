"""Writes a page of the triplets with the worst disagreements."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from matplotlib import colormaps
from PIL import Image

from keras_lpips.atomic_files import atomic_path
from training.data.dataset import Batch
from training.metrics.metric import Metric

TEMPLATE = Path(__file__).with_suffix(".html.j2")


@dataclass(frozen=True)
class Disagreement:
    """A triplet on which a metric contradicts most judges.

    Attributes:
        severity: rank of the disagreement; see `WorstTriplets.record`.
        name: split and id of the triplet.
        judge: share of judges who found the second image closer.
        distances: the metric's distances of both images.
        images: the triplet's images by role.
    """

    severity: float
    name: str
    judge: float
    distances: tuple[float, float]
    images: dict[str, np.ndarray]


class WorstTriplets:
    """Keeps the triplets with the worst disagreement for each metric.

    Args:
        metrics: the metrics.
        count: number of triplets to keep per metric.
    """

    def __init__(self, metrics: Sequence[Metric], count: int):
        self.metrics = metrics
        self._count = count
        self._kept: dict[str, list[Disagreement]] = {
            metric.name: [] for metric in metrics
        }

    def record(
        self,
        metric: Metric,
        split: str,
        batch: Batch,
        distances: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Adds a batch.

        The severity is the share of judges against the metric. Among equal
        shares, the larger relative difference of the distances is worse.
        Triplets with equal distances or without a majority are skipped.
        """
        if not self._count:
            return
        kept = self._kept[metric.name]
        first, second = distances
        for i, judge in enumerate(batch.answer):
            if first[i] == second[i]:
                continue
            against = judge if first[i] < second[i] else 1 - judge
            contrast = abs(first[i] - second[i]) / (
                abs(first[i] + second[i]) or 1
            )
            if against > 0.5:
                kept.append(
                    Disagreement(
                        float(against + contrast / 1e3),
                        f"{split}/{batch.ids[i]}",
                        float(judge),
                        (float(first[i]), float(second[i])),
                        {role: x[i] for role, x in batch.images.items()},
                    )
                )
        kept.sort(key=lambda one: -one.severity)
        del kept[self._count :]

    def of(self, metric: Metric) -> list[Disagreement]:
        """Returns a metric's triplets, the worst first."""
        return self._kept[metric.name]


def write_disagreements(
    path: Path, worst: WorstTriplets, origin: str = ""
) -> None:
    """Writes the page as one file with embedded pictures.

    Args:
        path: the `.html` file.
        worst: the triplets.
        origin: what made the judgements, if people did not make them.
            Defaults to "".
    """
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    page = environment.from_string(TEMPLATE.read_text()).render(
        judges="judgements" if origin else "people",
        origin=origin,
        metrics=[
            {
                "name": metric.name,
                "triplets": [_view(metric, one) for one in worst.of(metric)],
            }
            for metric in worst.metrics
        ],
    )
    with atomic_path(path) as partial:
        partial.write_text(page + "\n")


def _view(metric, disagreement):
    """Returns the template's values of a triplet."""
    reference, *distorted = (
        disagreement.images[role] for role in ("ref", "p0", "p1")
    )
    maps = [metric.heat_map(reference, image) for image in distorted]
    top = max(float(heat.max()) for heat in maps) or 1.0
    preferred = int(disagreement.judge > 0.5)
    closer = int(np.argmin(disagreement.distances))
    shares = (1 - disagreement.judge, disagreement.judge)
    return {
        "name": disagreement.name,
        "reference": _data_url(reference),
        "distorted": [
            {
                "picture": _data_url(distorted[i]),
                "map": _data_url(_colored(maps[i] / top)),
                "share": f"{shares[i]:.0%}",
                "distance": f"{disagreement.distances[i]:.4g}",
                "chosen_by": " ".join(
                    ["judges"] * (preferred == i) + ["metric"] * (closer == i)
                ),
            }
            for i in range(2)
        ],
    }


def _colored(heat):
    colors = colormaps["inferno"](np.clip(heat, 0, 1))
    return (255 * colors[..., :3]).astype(np.uint8)


def _data_url(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
