"""Training steps: ours and those of the authors' trainer, both live.

Dropout is off. The backbone is frozen, as both have it by default.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

torch = pytest.importorskip("torch", reason="make parity installs torch")

from benchmarks.implementations.reference import SLICE, lpips, to_torch  # noqa: E402
from tests.support.fake_judgements import triplet  # noqa: E402
from training.model.optimizer import make_optimizer  # noqa: E402
from training.model.step import training_step  # noqa: E402
from training.model.triplet_model import TripletModel  # noqa: E402
from training.recipes import find_recipe  # noqa: E402

JUDGE = np.float32([0, 0.5, 1, 0.2])
STEPS = 10


def test_ten_steps_are_those_of_the_authors_trainer(net, make_twins, agree):
    twins = make_twins(net, "v0.1")
    ours, theirs = Ours(net, twins.ours), Theirs(net, twins.theirs)
    theirs.assign(ours.weights())
    start = ours.weights()
    rng = np.random.default_rng(5)
    for step in range(STEPS):
        batch = draw_batch(rng)
        losses = ours.step(batch, step), theirs.step(batch)
        agree("training, loss", net, *losses)
        if step == 0:
            gradients = ours.gradients, theirs.gradients()
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
    ended, expected = ours.weights(), theirs.weights()
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


class FaithfulTrainer(lpips.Trainer):
    """The authors', but that it leaves the backbone of squeeze alone.

    Their clamp is for the heads and meets every kernel of 1 x 1.
    """

    def clamp_weights(self):
        for head in self.net.lins:
            weight = head.model[-1].weight
            weight.data = torch.clamp(weight.data, min=0)


class Theirs:
    """The trainer's step with the backbone of a twin."""

    def __init__(self, net, twin):
        self._trainer = FaithfulTrainer()
        self._trainer.initialize(
            net=net, pnet_rand=True, use_gpu=False, is_train=True
        )
        state = twin.state_dict()
        backbone = {key: state[key] for key in state if SLICE.match(key)}
        kept = self._trainer.net.load_state_dict(backbone, strict=False)
        assert not kept.unexpected_keys
        assert not [key for key in kept.missing_keys if SLICE.match(key)]
        # Its dropout is the only thing that this turns off.
        self._trainer.net.eval()

    def _parameters(self):
        lins = self._trainer.net.lins
        named = {f"head{i}": x.model[-1].weight for i, x in enumerate(lins)}
        layers = [
            layer
            for layer in self._trainer.rankLoss.net.modules()
            if isinstance(layer, torch.nn.Conv2d)
        ]
        for i, layer in enumerate(layers):
            named |= {f"kernel{i}": layer.weight, f"bias{i}": layer.bias}
        return named

    def assign(self, weights):
        parameters = self._parameters()
        assert parameters.keys() == weights.keys()
        with torch.no_grad():
            for name, parameter in parameters.items():
                array = torch.from_numpy(weights[name].T.copy())
                parameter.copy_(array.reshape(parameter.shape))

    def weights(self):
        return {
            name: as_ours(name, parameter)
            for name, parameter in self._parameters().items()
        }

    def gradients(self):
        return {
            name: as_ours(name, parameter.grad)
            for name, parameter in self._parameters().items()
        }

    def step(self, batch):
        data = {
            role: to_torch(batch[role].astype(np.float32) / 127.5 - 1)
            for role in ("ref", "p0", "p1")
        }
        data["judge"] = to_torch(batch["judge"].reshape(-1, 1, 1, 1))
        self._trainer.set_input(data)
        self._trainer.optimize_parameters()
        return self._trainer.loss_total.item()


def as_ours(name, tensor):
    """A copy, `(inputs, outputs)` of a kernel; heads and biases flat."""
    array = tensor.detach().numpy().copy()
    if name.startswith("kernel"):
        return array[:, :, 0, 0].T
    return array.ravel()


def draw_batch(rng):
    triplets = [triplet(rng) for _ in JUDGE]
    images = {
        role: np.stack([one[i] for one in triplets])
        for i, role in enumerate(("ref", "p0", "p1"))
    }
    return {**images, "judge": JUDGE}
