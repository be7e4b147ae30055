"""The folders of a model's versions, which appear whole or not at all.

A server watches `<model>/` and loads `<model>/<integer>/` as soon as it is
there, the highest by default.
"""

import os
import shutil
import tempfile
from pathlib import Path

from keras_lpips.atomic_files import made_folder
from keras_lpips.inference.saved_model import list_versions


class VersionError(ValueError):
    """A version cannot be written; the message says why."""


def write_version(model, version, write) -> Path:
    """Writes a version.

    It is written beside the versions under a name that no server loads, and
    renamed when all is there. An error on the way removes it.

    Args:
        model: the folder of the model's versions; made if it is not there.
        version: the version to write, an integer of at least 1; or `None`, one
            more than the highest.
        write: a function that takes an empty folder and fills it.

    Returns:
        The version's folder.

    Raises:
        VersionError: if the version is there already.
    """
    model = Path(model)
    if version is not None:
        _check_version(model, version)
    with made_folder(model):
        partial = Path(tempfile.mkdtemp(dir=model, prefix=".incomplete-"))
        try:
            write(partial)
            # Only its owner may enter a temporary folder; a server is another.
            partial.chmod(0o755)
            return _rename(partial, model, version)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _check_version(model, version):
    if version < 1:
        raise VersionError(
            f"`version` must be an integer of at least 1. Received: {version}"
        )
    if (model / str(version)).exists():
        raise _already_there(model / str(version))


def _rename(partial, model, version):
    while True:
        number = version or max(list_versions(model), default=0) + 1
        folder = model / str(number)
        try:
            # Fails on a folder that holds something, however late that came.
            os.rename(partial, folder)
        except OSError:
            if not folder.exists():
                raise
            if version is not None:
                raise _already_there(folder) from None
        else:
            return folder


def _already_there(folder):
    return VersionError(
        f"{folder} is there already, and a version is never overwritten; "
        "choose another or leave --version out"
    )
