"""Keeps programs from saying what their libraries log as they are loaded.

TensorFlow writes some lines before it reads any setting, so standard error is
set aside while it is loaded, and shown only if that fails. As a library,
`keras_lpips` leaves all this as it is.
"""

import contextlib
import importlib.abc
import importlib.machinery
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

_OF_NO_USE = (
    # Of a client of Google's that nothing here uses.
    "apitools not found",
    # Of memory that nothing here counts.
    "Resource module is not available",
    # One compilation for each size of images is meant.
    "triggered tf.function retracing",
)


def silence_imports() -> None:
    """Makes later imports of TensorFlow and Beam silent.

    `TF_CPP_MIN_LOG_LEVEL` is set unless it is given.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in (None, "tensorflow"):
        logging.getLogger(name).addFilter(_is_of_use)
    if "tensorflow" not in sys.modules and _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def _is_of_use(record):
    return not any(words in record.getMessage() for words in _OF_NO_USE)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as everyone does, to be loaded in silence."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "tensorflow":
            return None
        # It is also asked by those who only want to know whether it is there.
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None:
            load = spec.loader.exec_module

            def load_in_silence(module):
                with _stderr_set_aside():
                    load(module)

            spec.loader.exec_module = load_in_silence
        return spec


@contextlib.contextmanager
def _stderr_set_aside() -> Iterator[None]:
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(stderr, log.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
