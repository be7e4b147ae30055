"""One shard of the dataset: the unit of work.

It is planned from the photographs' digests alone, so its bytes depend on
nothing that happens while it is written.
"""

import functools
from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from pipelines.image_io.photographs import read_photograph
from pipelines.image_io.survey import Photograph
from pipelines.synthesis.catalog import Catalog
from pipelines.synthesis.frames import cook_frames, draw_frames_recipe
from pipelines.synthesis.labels import answers
from pipelines.synthesis.recipe import Recipe, Style, draw_recipe
from tfds_bapps.source import layout

# Of OpenCV's choices for patches the fastest; the smallest take twice the time
# and 7 % less room.
_PNG = (
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG),
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
)


@dataclass(frozen=True)
class Shard:
    """A shard to be written.

    Attributes:
        path: its file.
        file_format: TFDS's name of the format of its records.
        features: TFDS's features of the dataset.
        photographs: what its triplets are cut from, videos among them.
        indices: which triplets of each photograph it holds, in order.
        catalog: the types to draw from.
        style: what kind of triplets are made.
        judge: who answers.
    """

    path: str
    file_format: str
    features: tfds.features.FeaturesDict
    photographs: tuple[Photograph, ...]
    indices: tuple[tuple[int, ...], ...]
    catalog: Catalog
    style: Style
    judge: str

    @property
    def report_path(self) -> str:
        """The file that says that the shard is done."""
        return self.path + ".report.json"


def load_libraries() -> None:
    """Loads what writing a shard needs, once in each process."""
    import tensorflow  # noqa: F401

    # Workers are processes; OpenCV's own threads would only contend.
    cv2.setNumThreads(0)


def write_shard(shard: Shard, _=None) -> dict:
    """Writes a shard; again, it writes the same bytes.

    Returns:
        The report: `triplets`, `record_bytes`, and `types`, how many patches
        were distorted by each.
    """
    report = {"triplets": 0, "record_bytes": 0}
    types = Counter()
    writer = tfds.core.ExampleWriter(tfds.core.FileFormat(shard.file_format))
    with tfds.core.utils.incomplete_file(epath.Path(shard.path)) as path:
        writer.write(path, _records(shard, report, types))
    report["types"] = dict(sorted(types.items()))
    return report


def _records(shard, report, types):
    serializer = tfds.core.ExampleSerializer(
        shard.features.get_serialized_info()
    )
    recipes, triplets = _render(shard)
    shares = answers(shard.judge, recipes, triplets)
    for row, (recipe, triplet, share) in enumerate(
        zip(recipes, triplets, shares, strict=True)
    ):
        encoded = serializer.get_tf_example(
            shard.features.encode_example(example_of(recipe, triplet, share))
        )
        # Protobuf orders a map by chance unless told not to.
        record = encoded.SerializeToString(deterministic=True)
        types.update(kind.name for kind in recipe.kinds)
        report["triplets"] += 1
        report["record_bytes"] += len(record)
        yield row, record


def _render(shard):
    recipes, triplets = [], []
    for photograph, indices in zip(
        shard.photographs, shard.indices, strict=True
    ):
        if photograph.frames:
            drawn = [
                draw_frames_recipe(photograph.digest, index, shard.style)
                for index in indices
            ]
            recipes += drawn
            triplets += cook_frames(photograph, drawn)
            continue
        pixels = _pixels(photograph)
        for index in indices:
            recipe = draw_recipe(
                photograph.digest, index, shard.catalog, shard.style
            )
            recipes.append(recipe)
            triplets.append(recipe.render(pixels))
    return recipes, triplets


def features_of(task: str) -> tfds.features.FeaturesDict:
    """The features of `bapps`, and what was done to each distorted patch.

    Args:
        task: "2afc" or "jnd".
    """
    roles = layout.TASKS[task]
    patch = tfds.features.Image(
        shape=(None, None, 3), dtype=np.uint8, encoding_format="png"
    )
    described = {}
    for role in _distorted_roles(task):
        described[f"{role}_type"] = tfds.features.Text()
        described[f"{role}_strength"] = np.float32
    return tfds.features.FeaturesDict(
        {
            **dict.fromkeys(roles.patches, patch),
            roles.answer: np.float32,
            "subset": tfds.features.Text(),
            "id": tfds.features.Text(),
            **described,
        }
    )


def example_of(recipe: Recipe, triplet, share: np.float32) -> dict:
    """An example with `features_of` the recipe's task, patches as PNG."""
    roles = layout.TASKS[recipe.style.task]
    example = {
        role: png(patch)
        for role, patch in zip(roles.patches, triplet, strict=True)
    }
    for role, kind, strength in zip(
        _distorted_roles(recipe.style.task),
        recipe.kinds,
        recipe.strengths,
        strict=True,
    ):
        example[f"{role}_type"] = kind.name
        example[f"{role}_strength"] = np.float32(strength)
    return {
        **example,
        roles.answer: share,
        "subset": recipe.subset,
        "id": recipe.id,
    }


def png(patch: np.ndarray) -> bytes:
    """Encodes uint8 RGB as PNG."""
    _, data = cv2.imencode(".png", patch[..., ::-1], _PNG)
    return data.tobytes()


def _distorted_roles(task):
    return ("p0", "p1") if task == "2afc" else ("p1",)


@functools.lru_cache(maxsize=2)
def _pixels(photograph):
    data = epath.Path(photograph.path).read_bytes()
    return read_photograph(data)
