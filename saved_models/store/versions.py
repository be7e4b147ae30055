"""Writes the folders of a model's versions atomically.

A server watches `<model>/` and loads `<model>/<integer>/` as soon as it
exists, the highest by default.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from keras_lpips.atomic_files import create_folder
from keras_lpips.inference.saved_model import list_versions
from keras_lpips_cli.errors import UserError


class VersionError(UserError):
    """A version cannot be written, or there is none."""


def write_version(
    model: Path, version: int | None, write: Callable[[Path], None]
) -> Path:
    """Writes a version.

    Until the version is complete, its folder has a name that servers ignore. An
    error removes it.

    Args:
        model: the model's folder, which is created if it does not exist.
        version: the version to write, an integer of at least 1; `None` for
            one more than the highest.
        write: a function that fills an empty folder.

    Returns:
        The version's folder.

    Raises:
        VersionError: if the version exists.
    """
    model = Path(model)
    if version is not None:
        _check_version(model, version)
    with create_folder(model):
        partial = Path(tempfile.mkdtemp(dir=model, prefix=".incomplete-"))
        try:
            write(partial)
            # `mkdtemp` permits only the owner, but the server is another user.
            partial.chmod(0o755)
            return _rename(partial, model, version)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _check_version(model, version):
    if version < 1:
        raise VersionError(
            f"A version must be an integer of at least 1. Received: {version}"
        )
    if (model / str(version)).exists():
        raise _exists_error(model / str(version))


def _rename(partial, model, version):
    while True:
        number = version or max(list_versions(model), default=0) + 1
        folder = model / str(number)
        try:
            # Fails if another process has written this version meanwhile.
            os.rename(partial, folder)
        except OSError:
            if not folder.exists():
                raise
            if version is not None:
                raise _exists_error(folder) from None
        else:
            return folder


def _exists_error(folder):
    return VersionError(
        f"{folder} exists, and versions are never overwritten; choose another "
        "--model-version or leave it out"
    )
