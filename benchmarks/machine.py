"""What the numbers were measured on."""

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from benchmarks.interleaving import alternate

PACKAGES = ("keras-lpips", "keras", "tensorflow", "lpips", "torch", "numpy")
MATRIX_SIZE = 3072


def describe_machine(packages=PACKAGES) -> dict:
    """Returns the processor, the load, and the versions of packages."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: metadata.version(name) for name in packages},
    }


def describe_threads() -> dict:
    """Returns the threads and settings of TensorFlow and torch."""
    # Here, so that a machine without TensorFlow can be described, too.
    import tensorflow as tf
    import torch

    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return {
        "torch_threads": torch.get_num_threads(),
        "tensorflow_threads": threads or os.cpu_count(),
        "tensorflow_onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
    }


def describe_driver() -> str | None:
    """Returns the names and drivers of NVIDIA's GPUs, if there are any."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = "--query-gpu=name,driver_version,memory.total"
    done = subprocess.run(
        [program, query, "--format=csv,noheader"],
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip() or None


def matrix_product_speed(seconds: float = 3.0) -> dict:
    """Returns what the machine's matrix product reaches, in GFLOP/s.

    Args:
        seconds: how long to measure.

    Returns:
        float by the name of the library, float32 and all threads.
    """
    import tensorflow as tf
    import torch

    size = MATRIX_SIZE
    left = tf.random.normal((size, size))
    right = torch.randn(size, size)
    taken = alternate(
        {
            "tensorflow": lambda: tf.matmul(left, left).numpy(),
            "torch": lambda: right @ right,
        },
        seconds,
    )
    return {
        name: 2 * size**3 / result["fastest_ms"] / 1e6
        for name, result in taken.items()
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = {x.split(":")[1].strip() for x in lines if "model name" in x}
    flags = next((x for x in lines if x.startswith("flags")), "").split()
    vectors = "AVX-512" if "avx512f" in flags else "no AVX-512"
    return f"{', '.join(sorted(names)) or platform.processor()}, {vectors}"
