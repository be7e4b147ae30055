"""Ten training steps are those of the authors' trainer.

Expected numbers: `lpips` 0.1.4's `Trainer` under torch 2.13.0 on these very
weights and triplets, dropout off, float32.
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.fake_judgements import triplet
from training.model.optimizer import make_optimizer
from training.model.triplet_model import TripletModel, judge_losses
from training.recipes import find_recipe

JUDGE = np.float32([0, 0.5, 1, 1, 0, 0, 0.5, 1])
# Of each step, before it.
LOSSES = [
    0.6956295371055603,
    0.695646345615387,
    0.695594310760498,
    0.6955399513244629,
    0.6954851150512695,
    0.6954314708709717,
    0.6953780651092529,
    0.695327877998352,
    0.6952844262123108,
    0.69524085521698,
]
# By head: norm and first element of the first gradient; sum after ten steps.
GRADIENT_NORMS = [
    0.0006527801160700619,
    0.0014334373408928514,
    0.002146007725968957,
    0.0019601392559707165,
    0.004359816201031208,
]
FIRST_ELEMENTS = [
    -1.8078691937262192e-05,
    -2.9179949706303887e-05,
    -1.9938497644034214e-05,
    -4.153721238253638e-05,
    -6.7204273364041e-05,
]
SUMS = [
    1.8273383271152852,
    3.557351796012881,
    4.861212901199224,
    3.460195781648963,
    3.989903435304541,
]


def made_model():
    """A model whose weights anyone can make again with NumPy."""
    rng = np.random.default_rng(7)

    def uniform(fan_in, shape):
        bound = fan_in**-0.5
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    model = TripletModel(find_recipe("alex/lin-no-dropout"), seed=0)
    for head in model.lpips.heads:
        head.kernel.assign(uniform(head.channels, (head.channels,)))
    for layer in model.ranking_head.layers:
        inputs, outputs = layer.kernel.shape
        layer.kernel.assign(uniform(inputs, (inputs, outputs)))
        layer.bias.assign(uniform(inputs, (outputs,)))
    return model


def test_ten_steps_are_those_of_the_authors_trainer(backbone):
    backbone("alex")
    model, optimizer = made_model(), make_optimizer()
    rng = np.random.default_rng(5)
    triplets = [triplet(rng) for _ in JUDGE]
    batch = {
        role: np.stack([images[i] for images in triplets])
        for i, role in enumerate(("ref", "p0", "p1"))
    }
    heads = [head.kernel.value for head in model.lpips.heads]
    for step, expected in enumerate(LOSSES):
        with tf.GradientTape() as tape:
            *_, logits = model(batch)
            loss = tf.reduce_mean(judge_losses(JUDGE, logits))
        assert float(loss) == pytest.approx(expected, abs=1e-5)
        gradients = tape.gradient(
            loss, [v.value for v in model.trainable_variables]
        )
        if step == 0:
            of_heads = _gradients_of(heads, model, gradients)
            norms = [np.linalg.norm(x) for x in of_heads]
            assert norms == pytest.approx(GRADIENT_NORMS, rel=1e-4)
            firsts = [float(x[0]) for x in of_heads]
            assert firsts == pytest.approx(FIRST_ELEMENTS, rel=1e-4)
        optimizer.apply(gradients, model.trainable_variables)
    sums = [float(np.sum(x, dtype=np.float64)) for x in heads]
    assert sums == pytest.approx(SUMS, rel=1e-6)


def _gradients_of(values, model, gradients):
    by_value = {
        id(variable.value): gradient.numpy()
        for variable, gradient in zip(
            model.trainable_variables, gradients, strict=True
        )
    }
    return [by_value[id(value)] for value in values]
