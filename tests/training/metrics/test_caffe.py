import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from skimage.color import rgb2lab

from tests.support.fake_caffe_model import write_caffe_model
from training.metrics.metric import MetricError
from training.metrics.registry import find_metric

ASTRONAUT = skimage.data.astronaut()
REFERENCE = ASTRONAUT[100:164, 200:264][None]
DISTORTED = np.roll(REFERENCE, 3, axis=2)


@pytest.fixture
def model(tmp_path):
    return write_caffe_model(tmp_path)


def activations(images, weights):
    """Both ReLUs of the small network, computed by TensorFlow."""
    kernel, bias = weights["conv1"]
    x = tf.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])
    x = tf.nn.conv2d(x, kernel.transpose(2, 3, 1, 0), 2, "VALID") + bias
    first = tf.nn.relu(x)
    # Caffe divides alpha by the size of the window.
    x = tf.nn.local_response_normalization(first, 2, 1.0, 0.5 / 5, 0.75)
    # Caffe's pools round their sizes up; zeros never win after a ReLU.
    x = tf.nn.max_pool2d(
        tf.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)]), 3, 2, "VALID"
    )
    kernel, bias = weights["conv2"]
    halves = [
        tf.nn.conv2d(part, half.transpose(2, 3, 1, 0), 1, "SAME")
        for part, half in zip(
            tf.split(x, 2, axis=-1), np.split(kernel, 2), strict=True
        )
    ]
    return first, tf.nn.relu(tf.concat(halves, axis=-1) + bias)


def distance(first, second, taps=(0, 1)):
    total = 0
    for tap in taps:
        a, b = (
            x[tap] / (np.linalg.norm(x[tap], axis=-1, keepdims=True) + 1e-10)
            for x in (first, second)
        )
        total += np.mean(np.sum((a - b) ** 2, axis=-1))
    return total


def bgr(images):
    return images[..., ::-1].astype(np.float32) - np.float32([104, 117, 123])


def test_the_distance_is_that_of_the_network_in_the_files(model):
    prototxt, caffemodel, weights = model
    metric = find_metric(f"caffe/{prototxt},{caffemodel}")
    assert metric.taps == ["relu1", "relu2"]
    pair = [activations(bgr(x), weights) for x in (REFERENCE, DISTORTED)]
    value = metric.distances(REFERENCE, DISTORTED)
    assert value == pytest.approx(distance(*pair), rel=1e-4)
    both = metric.two_distances(REFERENCE, DISTORTED, REFERENCE)
    assert both[0] == pytest.approx(value)
    assert both[1] == 0
    heat = metric.heat_map(REFERENCE[0], DISTORTED[0])
    assert heat.shape == (64, 64)
    assert heat.mean() == pytest.approx(value[0], rel=0.05)


def test_a_network_may_take_lab_and_taps_can_be_chosen(model):
    prototxt, caffemodel, weights = model
    metric = find_metric(f"caffe-lab/{prototxt},{caffemodel}:relu2")
    pair = [
        activations(rgb2lab(x).astype(np.float32), weights)
        for x in (REFERENCE, DISTORTED)
    ]
    assert metric.distances(REFERENCE, DISTORTED) == pytest.approx(
        distance(*pair, taps=[1]), rel=1e-4
    )


def test_a_classifier_is_skipped_and_any_size_goes(tmp_path):
    prototxt, caffemodel, _ = write_caffe_model(tmp_path, classifier=True)
    metric = find_metric(f"caffe/{prototxt},{caffemodel}")
    assert metric.taps == ["relu1", "relu2"]
    larger = ASTRONAUT[None, :100, :90]
    assert metric.distances(larger, np.roll(larger, 1, axis=1)) > 0


def test_a_fully_convolutional_network_is_tapped_at_its_first_five(tmp_path):
    prototxt, caffemodel, _ = write_caffe_model(tmp_path, convolutional=True)
    name = f"caffe/{prototxt},{caffemodel}"
    metric = find_metric(name)
    assert metric.taps == ["relu1", "relu2", "relu3", "relu4", "relu5"]
    named = find_metric(f"{name}:{','.join(metric.taps)},relu7")
    assert named.taps[-1] == "relu7"
    # Each tap adds its own.
    first, more = (x.distances(REFERENCE, DISTORTED) for x in (metric, named))
    assert more > first > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name: f"{name}:relu9", "must be among"),
        (
            lambda name: name.replace("small.prototxt", "no.prototxt"),
            "is not a file",
        ),
        (lambda name: name.partition(",")[0], "needs two files"),
    ],
)
def test_what_cannot_be_used_is_named(model, change, said):
    prototxt, caffemodel, _ = model
    with pytest.raises(MetricError, match=said):
        find_metric(change(f"caffe/{prototxt},{caffemodel}"))


def test_a_damaged_model_is_one_sentence(model):
    prototxt, caffemodel, _ = model
    caffemodel.write_bytes(b"\xff" * 40)
    with pytest.raises(MetricError) as raised:
        find_metric(f"caffe/{prototxt},{caffemodel}")
    assert "\n" not in str(raised.value)
