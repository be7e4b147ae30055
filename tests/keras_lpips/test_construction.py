"""Objects have the published weights wherever they are made."""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import LPIPS, LPIPSLoss, LPIPSMetric, distance
from tests.support.construction_places import (
    NET,
    PLACES,
    RANGE,
    WITHOUT_RANDOM_NUMBERS,
    images,
    random_state,
)
from tests.support.paths import REPOSITORY
from training.run.devices import mirror


@pytest.fixture(scope="module")
def expected(backbone):
    return float(np.mean(LPIPS(backbone(NET), value_range=RANGE)(*images())))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_the_number_does_not_depend_on_where_the_object_is_made(
    place, expected
):
    assert place() == pytest.approx(expected, rel=1e-5)


def test_a_layer_made_in_the_first_trace_of_a_function(expected):
    made = []

    @tf.function
    def compute(a, b):
        if not made:
            made.append(LPIPS(NET, value_range=RANGE))
        return made[0](a, b)

    assert np.mean(compute(*images())) == pytest.approx(expected, rel=1e-5)
    assert np.mean(made[0](*images())) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_a_loss_made_in_every_trace_of_a_function(expected, jit):
    @tf.function(jit_compile=jit)
    def compute(a, b):
        return LPIPSLoss(NET, value_range=RANGE)(a, b)

    assert float(compute(*images())) == pytest.approx(expected, rel=1e-5)
    part = [batch[:2] for batch in images()]
    loss = LPIPSLoss(NET, value_range=RANGE)
    assert float(compute(*part)) == pytest.approx(float(loss(*part)), rel=1e-5)


def test_a_loss_made_in_a_data_pipeline(expected):
    data = tf.data.Dataset.from_tensors(tuple(images())).map(
        lambda a, b: LPIPSLoss(NET, value_range=RANGE)(a, b)
    )
    assert float(next(iter(data))) == pytest.approx(expected, rel=1e-5)


def test_objects_made_in_a_graph_do_not_break_later_ones(expected):
    with tf.Graph().as_default():
        inside = LPIPSLoss(NET, value_range=RANGE)
    outside = LPIPSLoss(NET, value_range=RANGE)
    for loss in (inside, outside):
        assert float(loss(*images())) == pytest.approx(expected, rel=1e-5)
    found = distance(*images(), NET, value_range=RANGE)
    assert found.mean() == pytest.approx(expected, rel=1e-5)


def test_a_layer_and_a_loss_made_under_a_strategy(expected):
    strategy = mirror(["/cpu:0", "/cpu:1"])
    with strategy.scope():
        layer = LPIPS(NET, value_range=RANGE)
        loss = LPIPSLoss(NET, value_range=RANGE)
    for made in (layer, loss._frozen.layer):
        assert strategy.extended.variable_created_in_scope(
            made.variables[0].value
        )
        for variable in made.variables:
            one, two = strategy.experimental_local_results(variable.value)
            np.testing.assert_array_equal(one, two)
    assert float(loss(*images())) == pytest.approx(expected, rel=1e-5)
    assert np.mean(layer(*images())) == pytest.approx(expected, rel=1e-5)


def test_weights_are_the_published_ones_bit_for_bit(backbone):
    from keras_lpips.weights.heads import read_heads
    from keras_lpips.weights.presets import cached_backbone

    layer = LPIPS(backbone(NET))
    arrays = cached_backbone(NET)
    for part in layer.backbone.layers:
        for variable in part.weights:
            np.testing.assert_array_equal(
                np.asarray(variable).view(np.uint32),
                arrays.pop(f"{part.name}/{variable.name}").view(np.uint32),
            )
    assert not arrays
    for tap, array in zip(
        layer.heads, read_heads(NET, "0.1").values(), strict=True
    ):
        np.testing.assert_array_equal(tap.kernel, array)


@pytest.mark.parametrize("name", WITHOUT_RANDOM_NUMBERS)
def test_published_weights_draw_no_random_numbers(name, backbone):
    backbone(NET)
    untouched = random_state(lambda: None)
    assert random_state(WITHOUT_RANDOM_NUMBERS[name]) == untouched


def test_random_weights_without_a_seed_differ():
    a, b = (LPIPS(NET, backbone_weights="random") for _ in range(2))
    first, second = (layer.backbone.get_weights()[0] for layer in (a, b))
    assert np.any(first != second)


def test_a_layer_does_not_keep_the_arrays_that_its_variables_hold(backbone):
    layer = LPIPS(backbone(NET))
    conv = layer.backbone.get_layer("conv2")
    assert np.isnan(conv.kernel_initializer(conv.kernel.shape)).all()


def test_losses_and_metrics_of_one_net_share_its_weights(backbone):
    net = backbone(NET)
    loss = LPIPSLoss(net, value_range=(0, 1))
    metric = LPIPSMetric(net, "0.0", taps=["conv1", "conv3"])
    other = LPIPSMetric(net, dtype="mixed_bfloat16")
    kernels = [
        made._frozen.layer.backbone.get_layer("conv3").kernel
        for made in (loss, metric, other)
    ]
    assert kernels[0] is kernels[1]
    assert kernels[0] is not kernels[2]
    assert LPIPS(net).backbone.get_layer("conv3").kernel is not kernels[0]


def test_shared_weights_are_freed_with_their_last_owner(backbone):
    import gc
    import weakref

    metric = LPIPSMetric(backbone(NET), dtype="mixed_float16")
    kernel = metric._frozen.layer.backbone.get_layer("conv3").kernel
    kernel = weakref.ref(kernel)
    del metric
    gc.collect()
    assert kernel() is None


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same_numbers(backend, expected):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.construction_places"],
        cwd=REPOSITORY,
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == backend
    for place, number in found["numbers"].items():
        assert number == pytest.approx(expected, rel=1e-5), place
    assert all(found["untouched"].values()), found["untouched"]


def test_the_symbolic_shape_is_that_of_the_result():
    layer = LPIPS(NET, backbone_weights="random", spatial=True, seed=0)
    shape = (None, 32, 40, 3)
    assert layer.compute_output_shape(shape, shape) == (None, 32, 40)
    layer = LPIPS(NET, backbone_weights="random", seed=0)
    assert layer.compute_output_shape(shape, shape) == (None,)
    assert keras.KerasTensor(shape).shape == shape
