"""A run of triplets whose vectors are made as one Beam task."""

import functools
from dataclasses import dataclass

import numpy as np

from keras_lpips.atomic_files import replacing
from training.data.batches import RecordSource
from training.data.dataset import open_prepared
from training.data.vectors import embed
from training.model.triplet_model import TripletModel
from training.recipes import find_recipe


@dataclass(frozen=True)
class Embedder:
    """What vectors depend on besides the data.

    Attributes:
        recipe: name of the recipe.
        precision: of the backbone.
        taps: names of the layers to compare; empty for the net's own.
    """

    recipe: str
    precision: str
    taps: tuple[str, ...]


@functools.cache
def make_model(embedder: Embedder) -> TripletModel:
    """Returns the model, made once in each process."""
    recipe = find_recipe(embedder.recipe)
    taps = embedder.taps or None
    return TripletModel(recipe, 0, embedder.precision, taps=taps)


@dataclass(frozen=True)
class EmbedTask:
    """A run of a source's triplets.

    Attributes:
        embedder: how vectors are made.
        data_dir: folder of the prepared datasets.
        config: configuration of the dataset.
        splits: names of the splits that make the source.
        first: number of its first triplet.
        last: number of the one after its last.
        path: the `.npz` of vectors, float32 `(triplets, 2, channels)`, and
            judges, float32 `(triplets,)`.
    """

    embedder: Embedder
    data_dir: str
    config: str
    splits: tuple[str, ...]
    first: int
    last: int
    path: str

    @property
    def report_path(self) -> str:
        """The file that says that it is done."""
        return f"{self.path}.json"

    @staticmethod
    def prepare() -> None:
        """Nothing: which model is needed, a task says."""

    def perform(self) -> dict:
        """Writes vectors and judges; returns how many."""
        builder = open_prepared(self.data_dir, self.config)
        source = RecordSource(builder, self.splits)
        batches = list(
            embed(make_model(self.embedder), source, self.first, self.last)
        )
        with replacing(self.path) as partial:
            np.savez(
                partial,
                vectors=np.concatenate([vectors for _, vectors, _ in batches]),
                judge=np.concatenate([judge for *_, judge in batches]),
            )
        return {"triplets": self.last - self.first}
