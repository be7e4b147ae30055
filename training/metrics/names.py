"""From what a user writes to a metric.

lpips/alex  lpips/vgg@0.0  off-the-shelf/squeeze  gaussian/alex
off-the-shelf/vgg:conv1_1,conv1_2        only these taps
l2  l2-lab  psnr  ssim  dssim  ms-ssim  fsim  fsimc
command:PROGRAM ...                      smaller is closer
similarity-command:PROGRAM ...           larger is closer
runs/alex-lin                            a folder of `training.train`
"""

from pathlib import Path

from keras_lpips.backbones import BACKBONES
from keras_lpips.layer import VERSIONS
from keras_lpips.low_level import l2, psnr, ssim
from training.metrics.color import l2_lab
from training.metrics.command import CommandMetric
from training.metrics.deep import DeepMetric, gaussian, published
from training.metrics.fsim import fsim, fsimc
from training.metrics.metric import (
    Metric,
    MetricError,
    PairwiseMetric,
    processors,
)
from training.metrics.structure import dssim, ms_ssim

# More than any two different images of 8 bits can have; scores are finite.
IDENTICAL_DECIBELS = 1000.0


def finite_psnr(reference, distorted) -> float:
    """Returns PSNR in dB, `IDENTICAL_DECIBELS` for identical images."""
    return min(psnr(reference, distorted), IDENTICAL_DECIBELS)


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
KINDS = ("lpips", "off-the-shelf", "gaussian")


def find_metric(name: str) -> Metric:
    """Returns the metric called `name`; see the module.

    Raises:
        MetricError: if it is none of those.
    """
    if name in PAIRWISE:
        function, sign = PAIRWISE[name]
        return PairwiseMetric(name, function, sign)
    for prefix, sign in COMMANDS.items():
        if name.startswith(prefix):
            command = CommandMetric(name.removeprefix(prefix))
            return PairwiseMetric(name, command, sign, processors())
    kind, _, rest = name.partition("/")
    if kind in KINDS:
        return DeepMetric(name, _layer(name, kind, rest))
    if Path(name).is_dir():
        from training.trained import TrainedRun

        return DeepMetric(name, TrainedRun(name).layer())
    raise MetricError(
        f"A metric must be one of {sorted(PAIRWISE)}, KIND/NET with a kind of "
        f"{list(KINDS)}, {' or '.join(COMMANDS)}PROGRAM, or a folder of "
        f"training.train. Received: {name!r}"
    )


def _layer(name, kind, rest):
    rest, _, taps = rest.partition(":")
    net, _, version = rest.partition("@")
    if net not in BACKBONES or (version or "0.1") not in VERSIONS:
        raise MetricError(
            f"{kind}/NET[@VERSION] needs a net of {sorted(BACKBONES)} and a "
            f"version of {list(VERSIONS)}. Received: {name!r}"
        )
    taps = taps.split(",") if taps else None
    try:
        if kind == "gaussian":
            return gaussian(net, taps=taps)
        return published(net, version or "0.1", kind == "lpips", taps)
    except ValueError as error:
        raise MetricError(f"{name}: {error}") from None
