"""A page of the triplets on which a metric and the judges disagree most."""

import base64
import html
import io
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from PIL import Image

from keras_lpips.atomic_files import replacing
from training.data.dataset import Batch
from training.metrics.metric import Metric

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto;
  max-width: 68rem; padding: 0 1rem; color: #1b1b1b; background: #fff; }
.triplets { display: grid; gap: 1.5rem 2rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(31rem, 100%), 1fr)); }
section { border: 1px solid #ddd; border-radius: 6px; padding: .8rem; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; }
td { padding: .2rem; vertical-align: top; text-align: center;
  font-size: 13px; }
img { width: 100%; height: auto; image-rendering: pixelated; display: block;
  box-sizing: border-box; border: 4px solid transparent; padding: 2px; }
.people { border: 4px solid #0a7d38; }
.metric { border: 4px dashed #b3261e; }
p.note { color: #555; margin: .2rem 0 1rem; max-width: 46rem; }
h3 { font-size: 13px; font-weight: normal; color: #555; margin: 0 0 .4rem; }
"""


@dataclass(frozen=True)
class Disagreement:
    """One triplet and how far apart metric and judges are on it."""

    lost: float
    split: str
    id: str
    judge: float
    distances: tuple[float, float]
    images: dict[str, np.ndarray]


class Worst:
    """Keeps the worst triplets of each metric while batches go by.

    Args:
        metrics: the metrics.
        count: how many triplets are kept of each.
    """

    def __init__(self, metrics: list[Metric], count: int):
        self.metrics = metrics
        self._count = count
        self._kept = {metric.name: [] for metric in metrics}

    def note(self, metric: Metric, split: str, batch: Batch, pair) -> None:
        """Adds a batch.

        What a metric loses on a triplet is the share of judges against it
        beyond one half; of equal ones, the larger relative difference of the
        distances is worse.
        """
        kept = self._kept[metric.name]
        first, second = pair
        for i, judge in enumerate(batch.answer):
            if first[i] == second[i]:
                continue
            lost = judge if first[i] < second[i] else 1 - judge
            sure = abs(first[i] - second[i]) / (abs(first[i] + second[i]) or 1)
            if lost > 0.5 and self._count:
                images = {role: x[i] for role, x in batch.images.items()}
                kept.append(
                    Disagreement(
                        float(lost + sure / 1e3),
                        split,
                        batch.ids[i],
                        float(judge),
                        (float(first[i]), float(second[i])),
                        images,
                    )
                )
        kept.sort(key=lambda one: -one.lost)
        del kept[self._count :]

    def of(self, metric: Metric) -> list[Disagreement]:
        """Returns a metric's worst triplets, the worst first."""
        return self._kept[metric.name]


def write_disagreements(path, worst: Worst, meaning: str = "") -> None:
    """Writes the page, one file with its pictures inside.

    Args:
        path: the `.html` file.
        worst: the triplets.
        meaning: what the judgements are, where no people made them. Defaults
            to "".
    """
    judges = "judgements" if meaning else "people"
    title = f"Where metrics and {judges} disagree"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>",
        f"<p class=note>{html.escape(meaning)}</p>",
        f"<p class=note>{judges.capitalize()} chose the image in the solid "
        "green frame, the metric the one in the dashed red frame. Below each "
        "is a map of its difference from the reference, one scale per "
        "triplet.</p>",
    ]
    for metric in worst.metrics:
        parts.append(f"<h2>{html.escape(metric.name)}</h2>")
        found = worst.of(metric)
        if not found:
            parts.append(f"<p>It agrees with most {judges} everywhere.</p>")
        parts.append("<div class=triplets>")
        parts += [_triplet(metric, one, judges) for one in found]
        parts.append("</div>")
    with replacing(path) as partial:
        partial.write_text("\n".join(parts) + "\n</html>\n")


def _triplet(metric, one, judges):
    reference, *distorted = (one.images[role] for role in ("ref", "p0", "p1"))
    maps = [metric.heat_map(reference, image) for image in distorted]
    top = max(float(heat.max()) for heat in maps) or 1.0
    people = int(one.judge > 0.5)
    closer = int(one.distances[1] < one.distances[0])
    shares = (1 - one.judge, one.judge)
    cells = [f"<td>{_picture(reference, 'the reference')}reference</td>"]
    below = ["<td></td>"]
    for i, image in enumerate(distorted):
        frame = " ".join(
            name
            for name, chosen in (("people", people), ("metric", closer))
            if chosen == i
        )
        picture = _picture(image, f"distortion {i}", frame)
        cells.append(
            f"<td>{picture}{shares[i]:.0%} of {judges}"
            f"<br>distance {one.distances[i]:.4g}</td>"
        )
        colors = colormaps["inferno"](np.clip(maps[i] / top, 0, 1))
        heat = (255 * colors[..., :3]).astype(np.uint8)
        below.append(f"<td>{_picture(heat, f'its difference, {i}')}</td>")
    name = html.escape(f"{one.split}/{one.id}")
    return (
        f"<section><h3>{name}</h3><table><tr>{''.join(cells)}</tr>"
        f"<tr>{''.join(below)}</tr></table></section>"
    )


def _picture(pixels, text, frame=""):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f"<img class='{frame}' alt='{html.escape(text)}' "
        f"src='data:image/png;base64,{data}'>"
    )
