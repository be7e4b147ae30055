"""Every place where a user can make an LPIPS layer, loss or metric.

Each function makes one there and returns the number that it computes. As a
program, the module prints all numbers as JSON on the backend that
`KERAS_BACKEND` names.
"""

import json
import random
import tempfile
from pathlib import Path

import keras
import numpy as np

import keras_lpips
from keras_lpips import LPIPS, LPIPSLoss, LPIPSMetric

NET = "alex"
RANGE = (0, 1)


class AlexLoss(LPIPSLoss):
    """The loss with other defaults, so that the class can be passed."""

    def __init__(self, net=NET, value_range=RANGE, **settings):
        super().__init__(net, value_range=value_range, **settings)


class AlexMetric(LPIPSMetric):
    """The metric with other defaults."""

    def __init__(self, net=NET, value_range=RANGE, **settings):
        super().__init__(net, value_range=value_range, **settings)


def images(batch=4, side=32):
    """Returns two seeded batches in [0, 1]."""
    generator = np.random.default_rng(3)
    shape = (2, batch, side, side, 3)
    return generator.uniform(0, 1, shape).astype(np.float32)


class Identity(keras.Model):
    """Returns its input, through a variable that training could move."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return inputs * self.factor


def _fitted(model, **settings):
    x, y = images()
    model.compile(keras.optimizers.SGD(0.0), **settings)
    return model.fit(x, y, batch_size=4, verbose=0).history


def class_as_loss_in_compile():
    return _fitted(Identity(), loss=AlexLoss)["loss"][0]


def class_as_loss_in_compile_and_evaluate():
    model = Identity()
    model.compile("sgd", loss=AlexLoss)
    return model.evaluate(*images(), batch_size=4, verbose=0)


def class_as_metric_in_compile():
    return _fitted(Identity(), loss="mse", metrics=[AlexMetric])["lpips"][0]


class LayerInBuild(keras.layers.Layer):
    """Makes the layer in `build`."""

    def build(self, shape):
        self.lpips = LPIPS(NET, value_range=RANGE)

    def call(self, pair):
        return self.lpips(pair[0], pair[1])


class LayerInCall(keras.layers.Layer):
    """Makes the layer when it is first called."""

    lpips = None

    def call(self, pair):
        if self.lpips is None:
            self.lpips = LPIPS(NET, value_range=RANGE)
        return self.lpips(pair[0], pair[1])


class Wrapped(keras.Model):
    """A subclassed model around a layer."""

    def __init__(self, layer, **settings):
        super().__init__(**settings)
        self.layer = layer

    def call(self, pair):
        return self.layer(pair)


def _predicted(layer):
    return float(np.mean(Wrapped(layer).predict([*images()], verbose=0)))


def layer_in_build_of_a_subclassed_model():
    return _predicted(LayerInBuild())


def layer_in_build_under_fit():
    model = Wrapped(LayerInBuild())
    model.compile("sgd", loss="mean_absolute_error")
    zeros = np.zeros(4, np.float32)
    return model.evaluate([*images()], zeros, batch_size=4, verbose=0)


def layer_in_build_of_a_functional_model():
    pair = [keras.Input((None, None, 3)), keras.Input((None, None, 3))]
    model = keras.Model(pair, LayerInBuild()(pair))
    return float(np.mean(model.predict([*images()], verbose=0)))


class CustomBackboneInBuild(keras.layers.Layer):
    """Copies a backbone of the user's in `build`."""

    def __init__(self, net, **settings):
        super().__init__(**settings)
        self.net = [net]

    def build(self, shape):
        del shape
        self.lpips = LPIPS(
            self.net[0], taps=["conv5"], calibrated=False, value_range=RANGE
        )

    def call(self, pair):
        return self.lpips(pair[0], pair[1])


def copy_of_a_custom_backbone_in_build():
    """Returns the number over that of a layer that was made outside."""
    own = LPIPS(NET).backbone
    outside = LPIPS(own, taps=["conv5"], calibrated=False, value_range=RANGE)
    expected = float(np.mean(keras.ops.convert_to_numpy(outside(*images()))))
    return _predicted(CustomBackboneInBuild(own)) / expected * _expected()


class LossInBuild(Identity):
    """Makes the loss in `build`."""

    def build(self, shape):
        super().build(shape)
        self.lpips = AlexLoss()

    def compute_loss(self, x=None, y=None, y_pred=None, *unused, **settings):
        return self.lpips(y, y_pred)


class LossInComputeLoss(Identity):
    """Makes the loss when a loss is first computed."""

    lpips = None

    def compute_loss(self, x=None, y=None, y_pred=None, *unused, **settings):
        if self.lpips is None:
            self.lpips = AlexLoss()
        return self.lpips(y, y_pred)


def loss_in_build_of_a_model():
    return _fitted(LossInBuild())["loss"][0]


def loss_in_compute_loss():
    return _fitted(LossInComputeLoss())["loss"][0]


def stateless_scope():
    with keras.StatelessScope():
        layer = LPIPS(NET, value_range=RANGE)
    return _value(layer(*images()))


def loss_in_a_stateless_scope():
    with keras.StatelessScope():
        loss = AlexLoss()
    return _value(loss(*images()))


def inside_a_stateless_scope():
    with keras.StatelessScope():
        return _value(LPIPS(NET, value_range=RANGE)(*images()))


def functional_model():
    pair = [keras.Input((None, None, 3)), keras.Input((None, None, 3))]
    model = keras.Model(pair, LPIPS(NET, value_range=RANGE)(*pair))
    return float(np.mean(model.predict([*images()], verbose=0)))


def clone_of_a_model():
    pair = [keras.Input((None, None, 3)), keras.Input((None, None, 3))]
    model = keras.Model(pair, LPIPS(NET, value_range=RANGE)(*pair))
    clone = keras.models.clone_model(model)
    return float(np.mean(clone.predict([*images()], verbose=0)))


def loaded_model():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        pair = [keras.Input((None, None, 3)), keras.Input((None, None, 3))]
        keras.Model(pair, LPIPS(NET, value_range=RANGE)(*pair)).save(path)
        model = keras.models.load_model(path)
    return float(np.mean(model.predict([*images()], verbose=0)))


def first_call_of_distance():
    return float(np.mean(keras_lpips.distance(*images(), value_range=RANGE)))


def _value(distances):
    return float(np.mean(keras.ops.convert_to_numpy(distances)))


def _expected():
    return _value(LPIPS(NET, value_range=RANGE)(*images()))


PLACES = (
    class_as_loss_in_compile,
    class_as_loss_in_compile_and_evaluate,
    class_as_metric_in_compile,
    layer_in_build_of_a_subclassed_model,
    layer_in_build_under_fit,
    layer_in_build_of_a_functional_model,
    copy_of_a_custom_backbone_in_build,
    loss_in_build_of_a_model,
    loss_in_compute_loss,
    stateless_scope,
    loss_in_a_stateless_scope,
    inside_a_stateless_scope,
    functional_model,
    clone_of_a_model,
    loaded_model,
    first_call_of_distance,
)


def random_state(make):
    """Returns what the global generators give next after `make()`."""
    keras.utils.set_random_seed(7)
    make()
    return [
        random.random(),
        float(np.random.random()),
        keras.ops.convert_to_numpy(keras.random.uniform((3,))).tolist(),
        keras.layers.Dense(2).kernel_initializer.seed,
    ]


def _save_and_load():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        pair = [keras.Input((None, None, 3)), keras.Input((None, None, 3))]
        keras.Model(pair, LPIPS(NET)(*pair)).save(path)
        keras.models.load_model(path)


WITHOUT_RANDOM_NUMBERS = {
    "LPIPS": lambda: LPIPS(NET),
    "LPIPS, uncalibrated": lambda: LPIPS(NET, calibrated=False),
    "LPIPSLoss": lambda: LPIPSLoss(NET),
    "LPIPSMetric": lambda: LPIPSMetric(NET),
    "distance": lambda: keras_lpips.distance(*images(), value_range=RANGE),
    "load_model": _save_and_load,
}


def main() -> None:
    """Prints the numbers and states as one line of JSON."""
    untouched = random_state(lambda: None)
    print(
        json.dumps(
            {
                "backend": keras.backend.backend(),
                "numbers": {place.__name__: place() for place in PLACES},
                "untouched": {
                    name: random_state(make) == untouched
                    for name, make in WITHOUT_RANDOM_NUMBERS.items()
                },
            }
        )
    )


if __name__ == "__main__":
    main()
