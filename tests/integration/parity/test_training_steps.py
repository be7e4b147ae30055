"""Training steps: ours and those of the authors' trainer, both live.

Dropout is off. The backbone is frozen, as both have it by default.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from tests.support.fake_judgements import triplet
from training.model.optimizer import make_optimizer, training_step
from training.model.triplet_model import TripletModel
from training.recipes import find_recipe

JUDGE = np.float32([0, 0.5, 1, 0.2])
STEPS = 10


def test_ten_steps_are_those_of_the_authors_trainer(
    net, make_twins, reference, agree
):
    twins = make_twins(net, "v0.1")
    ours = Ours(net, twins.ours)
    start = ours.weights()
    twins.theirs("start_trainer", start)
    rng = np.random.default_rng(5)
    for step in range(STEPS):
        batch = draw_batch(rng)
        loss, found = reference.call("train", batch)
        agree("training, loss", net, ours.step(batch, step), loss)
        if step == 0:
            gradients = ours.gradients, found
            assert gradients[0].keys() == gradients[1].keys()
            for name, gradient in gradients[0].items():
                agree(
                    "training, first gradient",
                    net,
                    gradient,
                    gradients[1][name],
                    tolerance=1e-4,
                    relative=True,
                )
    ended, expected = ours.weights(), reference.call("trained")
    for name, weight in start.items():
        # A step is about as long for any weight: 1e-4.
        agree(
            "training, way of ten steps",
            net,
            ended[name] - weight,
            expected[name] - weight,
            tolerance=3e-4,
            relative=True,
        )


class RecordingOptimizer:
    """Keeps the gradients of the first step that it takes."""

    def __init__(self, optimizer, names):
        self._optimizer = optimizer
        self._names = names
        self.gradients = None

    def apply(self, gradients, variables):
        if self.gradients is None:
            found = map(np.asarray, gradients)
            self.gradients = dict(zip(self._names, found, strict=True))
        self._optimizer.apply(gradients, variables)


class Ours:
    """Our step on a model with the backbone of a twin."""

    def __init__(self, net, twin):
        recipe = dataclasses.replace(
            find_recipe(f"{net}/lin-no-dropout"), backbone_weights="random"
        )
        self._model = TripletModel(recipe, seed=3)
        self._model.lpips.backbone.set_weights(twin.backbone.get_weights())
        optimizer = make_optimizer()
        variables = self._model.trainable_variables
        optimizer.build(variables)
        by_id = {id(v): name for name, v in self._variables().items()}
        self._optimizer = RecordingOptimizer(
            optimizer, [by_id[id(v)] for v in variables]
        )
        self._step = training_step(self._model, self._optimizer)

    @property
    def gradients(self):
        return self._optimizer.gradients

    def _variables(self):
        heads = self._model.lpips.heads
        named = {f"head{i}": head.kernel for i, head in enumerate(heads)}
        for i, layer in enumerate(self._model.ranking_head.layers):
            named |= {f"kernel{i}": layer.kernel, f"bias{i}": layer.bias}
        return named

    def weights(self):
        return {
            name: np.asarray(variable).copy()
            for name, variable in self._variables().items()
        }

    def step(self, batch, number):
        count = len(JUDGE)
        batch = {name: tf.constant(x) for name, x in batch.items()}
        batch["weight"] = tf.fill([count], 1 / count)
        batch["row"] = tf.range(count, dtype=tf.int64)
        return float(self._step(batch, tf.constant(number, tf.int64)))


def draw_batch(rng):
    triplets = [triplet(rng) for _ in JUDGE]
    images = {
        role: np.stack([one[i] for one in triplets])
        for i, role in enumerate(("ref", "p0", "p1"))
    }
    return {**images, "judge": JUDGE}
