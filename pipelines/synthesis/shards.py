"""One shard of the dataset: the unit of work.

It is planned from the photographs' digests alone, so its bytes do not depend on
the runner, or on when and where it is written.
"""

import functools
from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from pipelines.execution import FILES, digest_bytes
from pipelines.image_io.photographs import read_photograph
from pipelines.image_io.survey import Photograph
from pipelines.synthesis.config import SynthesisConfig
from pipelines.synthesis.frames import draw_frames, render_frames
from pipelines.synthesis.labels import label_triplets
from pipelines.synthesis.triplet import Triplet, draw_triplet
from tfds_bapps.source import layout
from tfds_bapps.writing.shards import make_features, make_serializer

# OpenCV's fastest settings for patches; the best compression takes twice the
# time and saves 7 %.
_PNG = (
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG),
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
)


@dataclass(frozen=True)
class Shard:
    """A shard to write.

    Attributes:
        path: its file.
        file_format: TFDS's name of the format of its records.
        features: TFDS's features of the dataset.
        photographs: the photographs and videos that its triplets are cut from.
        indices: the numbers of each photograph's triplets, in order.
        config: flags of the program.
    """

    path: str
    file_format: str
    features: tfds.features.FeaturesDict
    photographs: tuple[Photograph, ...]
    indices: tuple[tuple[int, ...], ...]
    config: SynthesisConfig

    @property
    def report_path(self) -> str:
        """The file whose existence marks the shard as done."""
        return self.path + ".report.json"


def load_libraries() -> None:
    """Imports and configures libraries, once in each process."""
    import tensorflow  # noqa: F401

    # Workers are processes; OpenCV's own threads would only contend.
    cv2.setNumThreads(0)


def write_shard(shard: Shard, _=None) -> dict:
    """Writes a shard; a repeated call writes the same bytes.

    Returns:
        The report: `triplets`, `record_bytes`, `types`, how many patches were
        distorted by each, and the file; see
        `pipelines.execution.forget_damaged`.
    """
    report: dict = {"triplets": 0, "record_bytes": 0}
    types: Counter[str] = Counter()
    writer = tfds.core.ExampleWriter(tfds.core.FileFormat(shard.file_format))
    target = epath.Path(shard.path)
    with tfds.core.utils.incomplete_file(target) as path:
        writer.write(path, _records(shard, report, types))
        report[FILES] = {target.name: digest_bytes(path.read_bytes())}
    report["types"] = dict(sorted(types.items()))
    return report


def _records(shard, report, types):
    serialize = make_serializer(shard.features)
    triplets, patches = _render(shard)
    shares = label_triplets(shard.config.judge, triplets, patches)
    for row, (triplet, images, share) in enumerate(
        zip(triplets, patches, shares, strict=True)
    ):
        record = serialize(to_example(triplet, images, share))
        types.update(kind.name for kind in triplet.kinds)
        report["triplets"] += 1
        report["record_bytes"] += len(record)
        yield row, record


def _render(shard):
    triplets, patches = [], []
    for photograph, indices in zip(
        shard.photographs, shard.indices, strict=True
    ):
        if photograph.frames:
            drawn = [
                draw_frames(photograph.digest, index, shard.config)
                for index in indices
            ]
            triplets += drawn
            patches += render_frames(photograph, drawn)
            continue
        pixels = _read_pixels(photograph)
        for index in indices:
            triplet = draw_triplet(photograph.digest, index, shard.config)
            triplets.append(triplet)
            patches.append(triplet.render(pixels))
    return triplets, patches


def make_synthetic_features(task: str) -> tfds.features.FeaturesDict:
    """Returns the features of `bapps`, and types and strengths of patches.

    Args:
        task: "2afc" or "jnd".
    """
    described = {}
    for role in _distorted_roles(task):
        described[f"{role}_type"] = tfds.features.Text()
        described[f"{role}_strength"] = np.float32
    return make_features(task, **described)


def to_example(triplet: Triplet, patches, share: np.float32) -> dict:
    """Returns an example of `make_synthetic_features`, patches as PNG."""
    roles = layout.TASKS[triplet.config.task]
    example: dict = {
        role: encode_png(patch)
        for role, patch in zip(roles.patches, patches, strict=True)
    }
    for role, kind, strength in zip(
        _distorted_roles(triplet.config.task),
        triplet.kinds,
        triplet.strengths,
        strict=True,
    ):
        example[f"{role}_type"] = kind.name
        example[f"{role}_strength"] = np.float32(strength)
    return {
        **example,
        roles.answer: share,
        "subset": triplet.subset,
        "id": triplet.id,
    }


def encode_png(patch: np.ndarray) -> bytes:
    """Encodes uint8 RGB as PNG."""
    _, data = cv2.imencode(".png", patch[..., ::-1], _PNG)
    return data.tobytes()


def _distorted_roles(task):
    return ("p0", "p1") if task == "2afc" else ("p1",)


@functools.lru_cache(maxsize=2)
def _read_pixels(photograph):
    data = epath.Path(photograph.path).read_bytes()
    return read_photograph(data)
