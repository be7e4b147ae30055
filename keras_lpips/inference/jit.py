"""Compiles a function of a layer for the backend that Keras runs on."""

import functools

import keras


def compiled(function, variables=()):
    """Compiles `function`, once for every shape of its arguments.

    Args:
        function: a function of tensors that computes with Keras operations
            only and has no side effects.
        variables: the Keras variables that it reads. On JAX, changes of
            others are not seen.

    Returns:
        A function of the same arguments. Under torch, which runs as it goes,
        it only leaves out the gradient.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # Without XLA: its convolutions measured slower here, and it takes two
        # to five times longer to compile each new shape.
        return tf.function(function, autograph=False, jit_compile=False)
    if backend == "jax":
        import jax

        def with_values(values, *arguments):
            state = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=state):
                return function(*arguments)

        jitted = jax.jit(with_values)
        return lambda *arguments: jitted(
            [variable.value for variable in variables], *arguments
        )
    import torch

    @functools.wraps(function)
    def without_gradient(*arguments):
        with torch.no_grad():
            return function(*arguments)

    return without_gradient
