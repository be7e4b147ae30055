"""Calls the methods of an object in another process.

torch and TensorFlow (or JAX) each load their own CUDA runtime, oneDNN and
triton. In one process the library that comes first serves both, which crashes
torch's optimizers and mixes up peaks of memory. So each implementation runs
alone.
"""

import functools
import importlib
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any


class RemoteError(RuntimeError):
    """A method raised an exception, or the process ended."""


class RemoteObject:
    """Creates an object in a new process; ends it at the end of a `with`.

    The process is a new interpreter, and the object is created on the first
    call.

    Args:
        target: "module:Class", imported in that process only.
        *arguments: arguments of the class.
        environment: variables that are set there before anything is imported.
    """

    def __init__(
        self,
        target: str,
        *arguments: Any,
        environment: dict[str, str] | None = None,
    ):
        self._name = target
        self._executor = ProcessPoolExecutor(
            max_workers=1,
            mp_context=get_context("spawn"),
            initializer=_set_environment,
            initargs=(environment or {},),
        )
        self._create = functools.partial(_create, target, *arguments)

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Returns the result of a method of the object.

        Args:
            method: name of the method.
            *arguments: its positional arguments; they are pickled.
            **options: its keyword arguments.

        Raises:
            RemoteError: if the method raised an error or the process ended.
        """
        future = self._executor.submit(
            _call, self._create, method, arguments, options
        )
        try:
            return future.result()
        except BrokenProcessPool:
            raise RemoteError(f"{self._name}: the process ended") from None
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            raise RemoteError(
                f"{self._name}: {type(error).__name__}: {lines[0]}"
            ) from error

    def __enter__(self) -> "RemoteObject":
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the process."""
        self._executor.shutdown(cancel_futures=True)


def _set_environment(variables):
    os.environ.update(variables)


@functools.cache
def _create(target, *arguments):
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)(*arguments)


def _call(create, method, arguments, options):
    return getattr(create(), method)(*arguments, **options)
