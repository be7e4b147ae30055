"""The trained model: LPIPS, and a ranking head on two distances."""

import keras
import tensorflow as tf

from training.model.custom_taps import build_lpips
from training.model.dropout_mask import make_dropout_mask
from training.model.ranking_head import DistanceOnly, RankingHead
from training.recipes import TrainingRecipe

# Prefix of the names of the ranking head's weights.
RANKING_HEAD = "ranking_head/"


class TripletModel(keras.Model):
    """Predicts the judge of a triplet; the reference is embedded once.

    Args:
        recipe: the recipe.
        seed: seed of random weights and of the dropout.
        precision: dtype policy of the backbone. Defaults to "float32".
        distance_only: whether a scaled difference replaces the ranking head.
            Defaults to `False`.
        taps: names of the layers to compare. Defaults to `()`, the net's own
            taps.

    Call arguments:
        batch: a dictionary of `ref`, `p0`, `p1`, uint8 RGB `(batch, height,
            width, 3)`, or of `vector0`, `vector1`, float32 `(batch,
            channels)`; see `pair_vectors`. With a step also `row`, int64
            `(batch,)`: rows in the global batch.
        step: int64 scalar, which selects the dropout. Defaults to `None`, no
            dropout.

    Returns:
        Two distances and the logit, float32, `(batch,)` each.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        seed,
        precision="float32",
        distance_only=False,
        taps=(),
    ):
        super().__init__()
        self.recipe = recipe
        self.seed = seed
        self.lpips = build_lpips(
            recipe.net,
            taps,
            backbone_weights=recipe.backbone_weights,
            head_weights="random",
            trainable_backbone=recipe.trainable_backbone,
            trainable_heads=True,
            seed=seed,
            dtype=precision,
        )
        self.ranking_head = (
            DistanceOnly(name="distance_only")
            if distance_only
            else RankingHead(seed, name="ranking_head")
        )
        self.built = True

    def call(self, batch, step=None):
        """Returns both distances and the logit; see the class."""
        if "vector0" in batch:
            kernel = tf.concat([head.kernel for head in self.lpips.heads], 0)
            distances = [
                tf.linalg.matvec(batch[name], kernel)
                for name in ("vector0", "vector1")
            ]
        else:
            distances = self._image_distances(batch, step)
        return *distances, self.ranking_head(*distances)

    def pair_vectors(self, batch):
        """Returns the inputs of the heads, averaged over pixels.

        Formula: `mean_hw (y - y0)^2` per channel, taps concatenated. The
        distance is its product with the heads.

        Args:
            batch: `ref`, `p0` and `p1`, as in the call.

        Returns:
            float32, `(batch, channels)`, for `p0` and for `p1`.
        """
        reference, *distorted = self._embeddings(batch)
        return [
            tf.concat(
                [
                    tf.reduce_mean(tf.square(a - b), axis=(1, 2))
                    for a, b in zip(reference, embedding, strict=True)
                ],
                axis=-1,
            )
            for embedding in distorted
        ]

    def _embeddings(self, batch):
        embeddings = [
            self.lpips.embed(batch[role]) for role in ("ref", "p0", "p1")
        ]
        if self.recipe.trainable_backbone:
            return embeddings
        return tf.nest.map_structure(tf.stop_gradient, embeddings)

    def _image_distances(self, batch, step):
        reference, *distorted = self._embeddings(batch)
        return [
            self.lpips.compare(
                reference, embedding, self._dropout(batch, step, pair)
            )
            for pair, embedding in enumerate(distorted)
        ]

    def _dropout(self, batch, step, pair):
        """Returns the dropout of a pair's squared differences, or `None`.

        A `keras.layers.Dropout` would advance its state on each replica, so
        that masks would change with their number and after a resume.
        """
        if step is None or not self.recipe.dropout:
            return None

        def drop(tap, squared):
            mask = make_dropout_mask(
                squared.shape,
                self.recipe.dropout,
                self.seed,
                step,
                2 * tap + pair,
                batch["row"][0],
            )
            return squared * mask

        return drop


def judge_losses(judge, logits):
    """Returns the binary cross-entropy of each triplet, from logits.

    Args:
        judge: float32, `(batch,)`, [0, 1]: share who found `p1` closer.
        logits: float32, `(batch,)`.
    """
    return tf.nn.sigmoid_cross_entropy_with_logits(judge, logits)


def named_weights(model: TripletModel) -> dict:
    """Returns the trained variables: heads, ranking head, a trained backbone.

    Keys are `heads/<tap>/kernel`, `ranking_head/...` and
    `backbone/<layer>/<weight>`.
    """
    return {
        **named_lpips_weights(model.lpips, model.recipe.trainable_backbone),
        **named_ranking_head_weights(model.ranking_head),
    }


def named_lpips_weights(lpips, trainable_backbone: bool) -> dict:
    """Returns the variables of a metric that training changes.

    Args:
        lpips: the layer.
        trainable_backbone: whether the backbone is trained, too.
    """
    named = {
        f"heads/{tap}/kernel": head.kernel
        for tap, head in zip(lpips.taps, lpips.heads, strict=True)
    }
    if trainable_backbone:
        for layer in lpips.backbone.layers:
            for variable in layer.weights:
                named[f"backbone/{layer.name}/{variable.name}"] = variable
    return named


def named_ranking_head_weights(head) -> dict:
    """Returns the variables of a `RankingHead` or `DistanceOnly`."""
    if isinstance(head, DistanceOnly):
        return {f"{RANKING_HEAD}log_scale": head.log_scale}
    return {
        f"{RANKING_HEAD}{layer.name}/{variable.name}": variable
        for layer in head.layers
        for variable in layer.weights
    }
