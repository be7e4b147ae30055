import gc
import multiprocessing
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import ImageError
from keras_lpips.inference import jit
from keras_lpips.inference.jit import compile_function
from keras_lpips.inference.matrix import squared_distances
from keras_lpips.inference.scorer import Scorer, get_scorer

RNG = np.random.default_rng(0)


def images(*shape):
    return RNG.uniform(-1, 1, (*shape, 3)).astype(np.float32)


@pytest.fixture
def traces():
    """A function to compile, with the list of shapes it was traced with."""
    shapes = []

    def function(a, b):
        shapes.append(tuple(a.shape))
        return keras.ops.mean(a - b, axis=(1, 2, 3))

    return function, shapes


def test_one_graph_serves_all_sizes(traces):
    function, shapes = traces
    run = compile_function(function, dynamic_sizes=True, specialize=False)
    for size in range(4, 4 + 3 * jit.CALLS_BEFORE_SPECIALIZING):
        a, b = images(2, size, 9), images(2, size, 9)
        np.testing.assert_allclose(
            run(a, b), (a - b).mean((1, 2, 3)), atol=1e-6
        )
    assert shapes == [(None, None, None, 3)]


def test_a_shape_that_comes_often_gets_a_graph_of_its_own(traces):
    function, shapes = traces
    run = compile_function(function, dynamic_sizes=True)
    for _ in range(jit.CALLS_BEFORE_SPECIALIZING + 2):
        run(images(2, 8, 9), images(2, 8, 9))
    run(images(2, 9, 9), images(2, 9, 9))
    assert shapes == [(None, None, None, 3), (2, 8, 9, 3)]


def test_the_graphs_of_shapes_are_bounded_and_dropped(monkeypatch, traces):
    function, shapes = traces
    made = []
    compile_tensorflow = jit._compile_tensorflow

    def recorded(*arguments):
        graph = compile_tensorflow(*arguments)
        made.append(weakref.ref(graph))
        return graph

    monkeypatch.setattr(jit, "_compile_tensorflow", recorded)
    run = compile_function(function)
    for size in range(4, 24):
        run(images(1, size, 9), images(1, size, 9))
    gc.collect()
    assert len(made) == len(shapes) == 20
    assert sum(graph() is not None for graph in made) == jit.MAX_SHAPES


def test_the_first_use_in_a_graph_breaks_nothing(backbone):
    settings = (backbone("alex"), "0.1", False)
    pair = images(1, 40, 40), images(1, 40, 40)
    expected = Scorer(*settings).distance(*pair)
    with tf.Graph().as_default():
        score = Scorer(*settings)
        np.testing.assert_array_equal(score.distance(*pair), expected)
    np.testing.assert_array_equal(score.distance(*pair), expected)
    seen = []

    @tf.function
    def traced():
        seen.append(Scorer(*settings).distance(*pair))
        return tf.zeros(())

    traced()
    np.testing.assert_array_equal(seen[0], expected)


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_values_do_not_depend_on_how_the_graph_was_made(backbone, net):
    score = get_scorer(backbone(net))
    for height, width in ((32, 45), (33, 40)):
        pair = images(2, height, width), images(2, height, width)
        expected = np.asarray(score.lpips(*pair))
        np.testing.assert_allclose(score.distance(*pair), expected, rtol=1e-5)
        shares = score.per_layer(*pair).sum(1)
        np.testing.assert_allclose(shares, expected, rtol=1e-5)
        heat = score.spatial_map(*pair)
        assert heat.shape == (2, height, width)
        vectors = [score.embed(x) for x in pair]
        squared = np.sum((vectors[0] - vectors[1]) ** 2, axis=1)
        np.testing.assert_allclose(squared, expected, rtol=1e-4)


def test_images_are_checked_before_a_graph_of_free_sizes_runs(backbone):
    score = get_scorer(backbone("alex"))
    with pytest.raises(ImageError, match="at least 31 pixels"):
        score.distance(images(1, 20, 64), images(1, 20, 64))
    with pytest.raises(ImageError, match="must have one shape"):
        score.distance(images(1, 64, 64), images(1, 65, 64))
    with pytest.raises(ImageError, match="must have one shape"):
        score.distance(images(4, 64, 64), images(1, 64, 64))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_values_that_are_not_finite_give_nan(backbone, net, value):
    score = get_scorer(backbone(net))
    reference, distorted = images(2, 40, 40), images(2, 40, 40)
    distorted[1, 3, 3, 1] = value
    for _ in range(2):
        found = score.distance(reference, distorted)
        assert np.isfinite(found[0]) and np.isnan(found[1])
    assert np.isnan(score.per_layer(reference, distorted)[1]).any()
    assert np.isnan(score.spatial_map(reference, distorted)[1]).any()
    vectors = score.embed(np.concatenate([reference, distorted]))
    distances = squared_distances(vectors)
    assert np.isnan(distances[3]).all() and np.isfinite(distances[:3, :3]).all()


def _score_in_child(connection):
    try:
        get_scorer("alex").distance(images(1, 40, 40), images(1, 40, 40))
    except RuntimeError as error:
        connection.send(str(error))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_raises_instead_of_hanging(backbone):
    get_scorer(backbone("alex")).distance(images(1, 40, 40), images(1, 40, 40))
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_score_in_child, args=(sender,))
    child.start()
    assert receiver.poll(30)
    assert "forked after its first use" in receiver.recv()
    child.join(30)
    assert child.exitcode == 0
