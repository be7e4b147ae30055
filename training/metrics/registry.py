"""Finds a metric by its name.

    lpips/alex                          published LPIPS; lpips/vgg@0.0, @st
    dists                               DISTS
    off-the-shelf/squeeze               the paper's w = 1
    gaussian/alex                       w = 1 on an untrained backbone
    off-the-shelf/vgg:conv1_1,conv1_2   selected layers
    kmeans/kmeans.npz                   weights of `training.kmeans`
    caffe/net.prototxt,net.caffemodel   a Caffe network; see `metrics.caffe`
    savedmodel/models/lpips_alex        an export of `saved_models.export`
    runs/alex-lin                       a run of `training.train`
    ranked/runs/alex-lin                a run, judged by its ranking head
    l2  l2-lab  psnr  ssim  dssim  ms-ssim  fsim  fsimc
    command:PROGRAM ...                 smaller is closer
    similarity-command:PROGRAM ...      larger is closer

Metrics of deep features accept `:LAYER,LAYER` at the end of the name.
"""

import contextlib
from pathlib import Path

import numpy as np
from skimage.color import rgb2lab

from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.baselines import l2, psnr, ssim
from keras_lpips.layers.dists import DISTS
from keras_lpips.layers.lpips import VERSIONS
from keras_lpips.weights.npz import WeightsError
from training.metrics.caffe import CaffeMetric
from training.metrics.deep import (
    DeepMetric,
    load_lpips,
    published_lpips,
    untrained_lpips,
)
from training.metrics.exported import ExportedMetric
from training.metrics.external import CommandMetric
from training.metrics.fsim import fsim, fsimc
from training.metrics.metric import (
    Metric,
    MetricError,
    PairwiseMetric,
    count_processors,
)
from training.metrics.ranked import RankedMetric
from training.metrics.ssim_variants import dssim, ms_ssim
from training.model.custom_taps import TapsError

# Above the PSNR of any two different images of 8 bits.
IDENTICAL_DECIBELS = 1000.0


def finite_psnr(reference, distorted) -> float:
    """Returns PSNR in dB, `IDENTICAL_DECIBELS` for identical images."""
    return min(psnr(reference, distorted), IDENTICAL_DECIBELS)


def l2_lab(reference, distorted) -> float:
    """Returns the mean squared difference in CIE Lab (D65), L in [0, 100].

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    return float(np.mean((rgb2lab(reference) - rgb2lab(distorted)) ** 2))


# Each with 1 if smaller means closer, -1 if larger does.
PAIRWISE = {
    "l2": (l2, 1),
    "l2-lab": (l2_lab, 1),
    "psnr": (finite_psnr, -1),
    "ssim": (ssim, -1),
    "dssim": (dssim, 1),
    "ms-ssim": (ms_ssim, -1),
    "fsim": (fsim, -1),
    "fsimc": (fsimc, -1),
}
COMMANDS = {"command:": 1, "similarity-command:": -1}
PUBLISHED_KINDS = ("lpips", "off-the-shelf", "gaussian")


def find_metric(name: str) -> Metric:
    """Returns the metric called `name`; see the module.

    Raises:
        MetricError: if the name is unknown, or its layers do not fit.
        WeightsError: if a file or folder in the name has other contents.
    """
    if name == "dists":
        return DeepMetric(name, DISTS((0, 255), dtype="float32"))
    if name in PAIRWISE:
        function, sign = PAIRWISE[name]
        return PairwiseMetric(name, function, sign)
    for prefix, sign in COMMANDS.items():
        if name.startswith(prefix):
            command = CommandMetric(name.removeprefix(prefix))
            return PairwiseMetric(name, command, sign, count_processors())
    kind, _, rest = name.partition("/")
    if kind in _KINDS:
        return _KINDS[kind](name, rest)
    if Path(name).is_dir():
        return _trained(name, name)
    raise MetricError(
        f"A metric must be one of {sorted([*PAIRWISE, 'dists'])}, KIND/... "
        f"with a kind of {sorted(_KINDS)}, {' or '.join(COMMANDS)}PROGRAM, or "
        f"a folder of training.train. Received: {name!r}"
    )


def _published(name, rest):
    kind = name.partition("/")[0]
    rest, taps = _split_taps(rest)
    net, at, version = rest.partition("@")
    version = version if at else "0.1"
    if net not in BACKBONES or version not in VERSIONS:
        raise MetricError(
            f"{kind}/NET[@VERSION] needs a net of {sorted(BACKBONES)} and a "
            f"version of {list(VERSIONS)}. Received: {name!r}"
        )
    with _prefix_errors(name):
        if kind == "gaussian":
            return DeepMetric(
                name, untrained_lpips(net, taps=taps, version=version)
            )
        calibrated = kind == "lpips"
        layer = published_lpips(net, version, calibrated, taps)
        return DeepMetric(name, layer)


def _kmeans(name, rest):
    path, taps = _split_taps(rest)
    with _prefix_errors(name):
        return DeepMetric(name, load_lpips(path, taps))


def _caffe(name, rest):
    files, taps = _split_taps(rest)
    prototxt, _, weights = files.partition(",")
    lab = name.startswith("caffe-lab/")
    return CaffeMetric(name, prototxt, weights, taps, lab)


def _saved_model(name, rest):
    return ExportedMetric(name, rest)


def _trained(name, folder):
    from training.run.run_loading import TrainedRun

    return DeepMetric(name, TrainedRun(folder).layer())


def _ranked(name, folder):
    from training.run.run_loading import TrainedRun

    run = TrainedRun(folder)
    metric = DeepMetric(name, run.layer())
    return RankedMetric(name, metric, run.ranking_head())


_KINDS = {
    **dict.fromkeys(PUBLISHED_KINDS, _published),
    "kmeans": _kmeans,
    "caffe": _caffe,
    "caffe-lab": _caffe,
    "savedmodel": _saved_model,
    "ranked": _ranked,
}


def _split_taps(rest):
    rest, _, taps = rest.partition(":")
    return rest, taps.split(",") if taps else None


@contextlib.contextmanager
def _prefix_errors(name):
    """Prefixes errors about the layers with the metric's name."""
    try:
        yield
    except (TapsError, ValueError) as error:
        if isinstance(error, WeightsError):
            raise
        raise MetricError(f"{name}: {error}") from None
