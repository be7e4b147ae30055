"""Compiles a function of a layer for the backend that Keras runs on."""

import collections
import functools
import os
from collections.abc import Callable, Sequence

import keras

from keras_lpips.layers.isolation import run_outside_scopes

# Compiled functions kept per function, one for each shape. The least recently
# used one is freed.
MAX_SHAPES = 8
# Calls with one shape before it is compiled separately.
CALLS_BEFORE_SPECIALIZING = 32
# Most shapes whose calls are counted.
MAX_COUNTS = 4096

# The process that first ran a compiled function.
_first_process: int | None = None


def compile_function(
    function: Callable,
    variables: Sequence = (),
    dynamic_sizes: bool = False,
    specialize: bool = True,
) -> Callable:
    """Compiles a function per shape of its arguments, and caches a few.

    Args:
        function: a function of arrays that computes with Keras operations
            only and has no side effects.
        variables: the Keras variables that it reads. On JAX, other variables
            are constants.
        dynamic_sizes: whether one dynamic graph serves images `(batch, height,
            width, channels)`, and masks without channels, of all sizes, where
            the backend can do that, which is TensorFlow. Defaults to `False`.
        specialize: whether, with `dynamic_sizes`, a frequent shape is compiled
            separately. Defaults to `True`.

    Returns:
        A function of the same arguments, without gradients. Call it outside
        graphs; see `call_outside_graphs`.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        compile_shapes = functools.partial(_compile_tensorflow, function)
    elif backend == "jax":
        compile_shapes = functools.partial(_compile_jax, function, variables)
        dynamic_sizes = False
    else:
        return _without_gradient(function)
    cached = functools.lru_cache(MAX_SHAPES)(compile_shapes)
    calls: collections.Counter = collections.Counter()

    def run(*arguments):
        shapes = tuple(map(_shape, arguments))
        if dynamic_sizes and calls[shapes] < CALLS_BEFORE_SPECIALIZING:
            if specialize:
                if len(calls) > MAX_COUNTS:
                    calls.clear()
                calls[shapes] += 1
            shapes = tuple(map(_free, shapes))
        _check_process()
        return cached(shapes)(*arguments)

    return run


def call_outside_graphs(function: Callable):
    """Calls a function outside any graph that is being built or traced.

    What the function creates can be used after the graph is finished, and what
    it computes has values.

    Args:
        function: a function without arguments.

    Returns:
        What it returns.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if not tf.executing_eagerly():
            # `tf.init_scope` would leave a `tf.function`, but not a `tf.Graph`.
            return run_outside_scopes(function)
    elif backend == "jax":
        import jax

        with jax.ensure_compile_time_eval():
            return function()
    return function()


def _shape(argument):
    dtype = keras.backend.standardize_dtype(argument.dtype)
    return tuple(argument.shape), dtype


def _free(shape_and_dtype):
    shape, dtype = shape_and_dtype
    if len(shape) in (3, 4):
        # Masks or images.
        shape = (None, None, None, *shape[3:])
    return shape, dtype


def _compile_tensorflow(function, shapes):
    import tensorflow as tf

    # Without XLA: its convolutions measured slower on a CPU, and it takes two
    # to five times longer to compile each new shape.
    traced = tf.function(function, autograph=False, jit_compile=False)
    concrete = traced.get_concrete_function(
        *(tf.TensorSpec(shape, dtype) for shape, dtype in shapes)
    )
    return lambda *arguments: concrete(*map(tf.convert_to_tensor, arguments))


def _compile_jax(function, variables, shapes):
    import jax

    del shapes  # One jitted function per shape, so that each can be freed.

    def with_values(values, *arguments):
        state = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return function(*arguments)

    jitted = jax.jit(with_values)
    return lambda *arguments: jitted(
        [variable.value for variable in variables], *arguments
    )


def _without_gradient(function):
    if keras.backend.backend() != "torch":
        return function
    import torch

    @functools.wraps(function)
    def run(*arguments):
        with torch.no_grad():
            return function(*arguments)

    return run


def _check_process():
    """Raises `RuntimeError` in a process forked after the first use."""
    global _first_process
    if _first_process is None:
        _first_process = os.getpid()
    if _first_process != os.getpid():
        raise RuntimeError(
            f"{keras.backend.backend()} hangs in a process that was forked "
            "after its first use: start processes with the method 'spawn' or "
            "'forkserver' of `multiprocessing`"
        )
