"""Published weights as the initial values of Keras variables.

Keras defers the creation of variables while it traces: in a symbolic build, a
stateless scope or a first trace, values assigned afterwards are lost without an
error. The values of an initializer are not lost, and no random numbers are
drawn.
"""

import keras
import numpy as np
from keras import ops

from keras_lpips.layers.isolation import concrete_values


@keras.saving.register_keras_serializable("keras_lpips")
class StoredValues(keras.initializers.Initializer):
    """Returns the values of an array, or NaN without one.

    With NaN, all distances are NaN until saved weights are loaded. The array is
    not part of the configuration.

    Args:
        array: the values, or `None`.
    """

    def __init__(self, array=None):
        self._array = array
        self._calls = 0

    def __call__(self, shape, dtype=None):
        """Returns the values as a tensor of `shape` and `dtype`."""
        self._calls += 1
        array = self._array
        if array is None:
            array = np.full(shape, np.nan, np.float32)
        if tuple(array.shape) != tuple(shape):
            raise ValueError(
                f"The stored values have shape {tuple(array.shape)}. "
                f"Received: shape={tuple(shape)}"
            )
        with concrete_values():
            return ops.convert_to_tensor(array, dtype)

    def release(self, variable) -> bool:
        """Drops the array unless `variable` is still to be initialized.

        Args:
            variable: the variable that was created with this initializer.

        Returns:
            Whether the array was dropped.
        """
        calls = self._calls
        # Keras calls the initializer each time that the value of a variable
        # without one is read.
        _ = variable.value
        if calls == self._calls:
            self._array = None
        return self._array is None

    def get_config(self):
        """Returns no arguments: saved weights replace the values."""
        return {}


class StoredInitializers:
    """Initializers of a backbone's convolutions from arrays.

    Args:
        arrays: float32 arrays by `<layer>/<weight>`, or `None` for NaN.
    """

    def __init__(self, arrays):
        self._arrays = arrays
        self._made = {}

    def __call__(self, layer, fan_in):
        """Returns the initializers of a convolution's kernel and bias."""
        del fan_in
        names = f"{layer}/kernel", f"{layer}/bias"
        for name in names:
            array = None if self._arrays is None else self._arrays[name]
            self._made[name] = StoredValues(array)
        return tuple(self._made[name] for name in names)

    def release(self, model) -> None:
        """Drops the arrays once the model's variables hold them."""
        for layer in model.layers:
            for variable in layer.weights:
                name = f"{layer.name}/{variable.name}"
                if not self._made[name].release(variable):
                    return  # They are initialized together, later.
