"""The implementations that are compared, and their precisions, by name."""

OURS = "ours"
EAGER = "torch"
CHANNELS_LAST = "torch, channels_last"
COMPILED = "torch.compile"
COMPILED_CHANNELS_LAST = "torch.compile, channels_last"
CONVOLUTIONS = "our convolutions alone"
# torch at its best is the fastest of these.
TORCH = (EAGER, CHANNELS_LAST, COMPILED, COMPILED_CHANNELS_LAST)

FLOAT32 = "float32"
# float32 in memory, ten bits of fraction in products.
TF32 = "tf32"
BFLOAT16 = "bfloat16"
PRECISIONS = (FLOAT32, TF32, BFLOAT16)

GPU, CPU = "gpu", "cpu"


def start(implementation: str, device: str = CPU, backend: str = "tensorflow"):
    """Starts an implementation in a process of its own.

    Args:
        implementation: one of the names above.
        device: "gpu" or "cpu". Defaults to "cpu".
        backend: Keras's backend of this package. Defaults to "tensorflow".

    Returns:
        A `RemoteObject` with the methods of `keras_implementation` or
        `torch_implementation`.
    """
    from benchmarks.implementations.process import RemoteObject

    module = "keras" if implementation in (OURS, CONVOLUTIONS) else "torch"
    environment = {
        "KERAS_BACKEND": backend if module == "keras" else "torch",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Memory is allocated on demand, so that the peak can be measured.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    if device == CPU:
        environment["JAX_PLATFORMS"] = "cpu"
    return RemoteObject(
        f"benchmarks.implementations.{module}_implementation:Implementation",
        device,
        environment=environment,
    )
