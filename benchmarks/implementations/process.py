"""A contestant in a process of its own, which answers questions.

JAX and torch bring a CUDA runtime each and could meet in one process, where
the libraries of whichever comes first serve both, and where the peak of memory
of one is not told from the other's. So each contestant lives alone, all at the
same time, and they take turns.
"""

import contextlib
import importlib
import multiprocessing
import os

GPU, CPU = "gpu", "cpu"
MODULES = {
    "jax": "benchmarks.implementations.jax_lpips",
    "torch": "benchmarks.implementations.torch_lpips",
}


class ContestantError(RuntimeError):
    """What a contestant raised, in one line."""


class ContestantProcess:
    """Starts a contestant; closes it at the end of a `with`.

    Args:
        library: "jax" or "torch".
        device: "gpu" or "cpu".
    """

    def __init__(self, library: str, device: str):
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._library = library
        arguments = theirs, library, device
        self._process = context.Process(target=_answer, args=arguments)
        self._process.start()
        theirs.close()

    def ask(self, question: str, *arguments):
        """Returns what a method of the contestant returns.

        Args:
            question: the method's name.
            *arguments: its arguments.

        Raises:
            ContestantError: if it raised an error, or its process ended.
        """
        try:
            self._connection.send((question, arguments))
            succeeded, answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            status = self._process.exitcode
            raise ContestantError(
                f"{self._library}: the process ended with status {status}"
            ) from None
        if not succeeded:
            raise ContestantError(f"{self._library}: {answer}")
        return answer

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Ends the process."""
        self._connection.close()
        self._process.join()


def _answer(connection, library, device):
    os.environ["KERAS_BACKEND"] = library
    # Memory is taken as it is needed, so that there is a peak to be read and
    # the others have room.
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    if device == CPU:
        os.environ["JAX_PLATFORMS"] = "cpu"
    contestant = None
    # Until the other end is closed; Ctrl-C reaches this process, too.
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            question, arguments = connection.recv()
            try:
                if contestant is None:
                    module = importlib.import_module(MODULES[library])
                    contestant = module.Contestant(device)
                answer = True, getattr(contestant, question)(*arguments)
            except Exception as error:
                lines = str(error).strip().splitlines() or [""]
                answer = False, f"{type(error).__name__}: {lines[0]}"
            connection.send(answer)
