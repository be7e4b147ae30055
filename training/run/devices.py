"""Creates the distribution strategy of a run."""

import json
import os

import tensorflow as tf

from keras_lpips_cli.errors import UserError


def make_strategy(jit: bool) -> tf.distribute.Strategy:
    """Returns a strategy over all devices; call it before any computation.

    With `TF_CONFIG` in the environment it spans its workers; otherwise it is
    a `MirroredStrategy` over the local GPUs, or CPUs.

    Args:
        jit: whether steps will be compiled with XLA. This needs one device,
            because XLA fails under a mirrored strategy.

    Raises:
        UserError: on `jit` with several replicas.
    """
    if "TF_CONFIG" in os.environ:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        devices = tf.config.list_logical_devices("GPU")
        devices = devices or tf.config.list_logical_devices("CPU")
        names = [device.name for device in devices]
        if jit and len(names) == 1:
            return tf.distribute.OneDeviceStrategy(names[0])
        strategy = mirror(names)
    if jit:
        raise UserError(
            "--jit needs one device, because XLA fails under a mirrored "
            f"strategy. Received: {strategy.num_replicas_in_sync} replicas"
        )
    return strategy


def mirror(devices: list[str]) -> tf.distribute.MirroredStrategy:
    """Returns a strategy over devices of this process.

    CPUs reduce without TensorFlow's collective operations: it numbers these
    anew for each strategy and remembers their shapes as long as the process
    lives, so a second run with other shapes would fail.
    """
    if any("CPU" in name.upper() for name in devices):
        reduction = tf.distribute.ReductionToOneDevice()
        return tf.distribute.MirroredStrategy(devices, reduction)
    return tf.distribute.MirroredStrategy(devices)


def worker_name() -> str:
    """Returns the name of this process among the workers, like "worker-1"."""
    task = _task()
    return f"{task.get('type', 'worker')}-{task.get('index', 0)}"


def is_chief() -> bool:
    """Returns whether this process writes the run's folder."""
    task = _task()
    if task.get("type") == "worker":
        workers = json.loads(os.environ["TF_CONFIG"])["cluster"]
        return "chief" not in workers and task.get("index") == 0
    return True


def _task():
    return json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {})
