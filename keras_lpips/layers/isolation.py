"""Computing outside the scopes and traces that the caller is in."""

import contextlib
import contextvars
import threading
from concurrent.futures import Future

import keras


def run_outside_scopes(function):
    """Calls `function` outside the caller's scopes, graphs and traces.

    Stateless and symbolic scopes, graphs and traces are local to a thread in
    Keras, TensorFlow and JAX. The function runs eagerly in a new thread. The
    caller's distribution strategy is entered again, so that variables are
    created under it.

    Args:
        function: a function without arguments. It must not depend on the
            global dtype policy, which is local to a thread, too.

    Returns:
        What the function returns.
    """
    context = contextvars.copy_context()
    strategy = current_strategy()

    future: Future = Future()

    def call():
        scope = strategy.scope() if strategy else contextlib.nullcontext()
        try:
            with scope:
                future.set_result(context.run(function))
        except BaseException as error:
            future.set_exception(error)

    # A daemon thread, so that Ctrl-C does not wait for a download.
    threading.Thread(target=call, daemon=True).start()
    return future.result()


def current_strategy():
    """Returns TensorFlow's distribution strategy; `None` if there is none."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    has_strategy = tf.distribute.has_strategy()
    return tf.distribute.get_strategy() if has_strategy else None


def concrete_values():
    """Makes JAX compute eagerly in the block, also inside a trace."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.ensure_compile_time_eval()
