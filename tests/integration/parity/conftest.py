"""The reference and ours with the same random weights, and what differs."""

import contextlib
import functools
import io
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest

# torch's optimizers import triton, which crashes where TensorFlow was loaded
# first; `torch._dynamo` imports it now.
with contextlib.suppress(ImportError):
    import torch
    import torch._dynamo

VARIANTS = {
    "v0.1": {"version": "0.1", "calibrated": True},
    "v0.0": {"version": "0.0", "calibrated": True},
    "off-the-shelf": {"version": "0.1", "calibrated": False},
}
LARGEST = pytest.StashKey[dict]()


@dataclass(frozen=True)
class Twins:
    """Our layer and the reference's module, with the same weights."""

    ours: object
    theirs: object


@pytest.fixture(scope="session", params=["alex", "vgg", "squeeze"])
def net(request):
    return request.param


@pytest.fixture(scope="session", params=list(VARIANTS))
def variant(request):
    return request.param


@pytest.fixture(scope="session")
def make_twins():
    """A function of `(net, variant, spatial, bias)` that makes `Twins`."""
    return _make_twins


@pytest.fixture(scope="session")
def draw_pair():
    """A function of `(shape)` that draws two batches in [-1, 1]."""
    return _draw_pair


@pytest.fixture
def agree(request):
    """Checks that two arrays agree, and keeps the largest deviation.

    The deviation is absolute, or relative to the largest magnitude in the
    reference's array where `relative` is set. `share` of the values are held
    to the tolerance.
    """

    def check(
        stage, net, ours, theirs, tolerance=1e-5, relative=False, share=1.0
    ):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        assert ours.shape == theirs.shape
        assert np.isfinite(ours).all()
        deviations = np.abs(ours.astype(np.float64) - theirs)
        deviation = np.quantile(deviations, share)
        if relative:
            deviation /= np.abs(theirs).max()
        stage = f"{stage}, {'relative' if relative else 'absolute'}"
        largest = request.config.stash.setdefault(LARGEST, {})
        row = largest.setdefault(stage, {})
        worst, cases = row.get(net, (0.0, 0))
        row[net] = max(worst, float(deviation)), cases + 1
        assert deviation <= tolerance

    return check


def pytest_terminal_summary(terminalreporter, config):
    """Prints the largest deviation of each stage, as a Markdown table."""
    largest = config.stash.get(LARGEST, None)
    if not largest:
        return
    nets = ["alex", "vgg", "squeeze"]
    terminalreporter.section("largest deviation from the reference")
    terminalreporter.line(f"| stage | {' | '.join(nets)} | comparisons |")
    terminalreporter.line("|---|" + "---|" * (len(nets) + 1))
    for stage, row in largest.items():
        cells = [f"{row[n][0]:.1e}" if n in row else "" for n in nets]
        cases = sum(cases for _, cases in row.values())
        terminalreporter.line(f"| {stage} | {' | '.join(cells)} | {cases} |")


@functools.lru_cache(maxsize=4)
def _make_twins(net, variant, spatial=False, bias=0.1):
    from benchmarks.implementations.reference import make_reference
    from keras_lpips import LPIPS
    from keras_lpips.weights.convert.mapping import backbone_from_torchvision
    from keras_lpips.weights.convert.torch_state_dict import read_torch_pickle

    backbone = _draw_backbone(net, bias)
    settings = {**VARIANTS[variant], "spatial": spatial}
    theirs = make_reference(net, backbone, **settings)
    # The way of a downloaded file: saved by torch, read without it.
    file = io.BytesIO()
    tensors = ((name, torch.from_numpy(x)) for name, x in backbone.items())
    torch.save(OrderedDict(tensors), file)
    arrays = read_torch_pickle(file.getvalue())
    converted = backbone_from_torchvision(net, arrays)
    ours = LPIPS(net, backbone_weights="random", **settings)
    for layer in ours.backbone.layers:
        for variable in layer.weights:
            variable.assign(converted.pop(f"{layer.name}/{variable.name}"))
    assert not converted
    return Twins(ours, theirs)


def _draw_backbone(net, bias):
    """He normal kernels and normal biases, by torchvision's names."""
    from benchmarks.implementations import torchvision_stand_in

    networks = {
        "alex": torchvision_stand_in.alexnet,
        "vgg": torchvision_stand_in.vgg16,
        "squeeze": torchvision_stand_in.squeezenet1_1,
    }
    random = np.random.default_rng(seed=0)
    backbone = {}
    for name, weight in networks[net]().features.state_dict().items():
        shape = tuple(weight.shape)
        spread = np.sqrt(2 / np.prod(shape[1:])) if len(shape) == 4 else bias
        drawn = random.standard_normal(shape) * spread
        backbone[f"features.{name}"] = drawn.astype(np.float32)
    return backbone


def _draw_pair(shape):
    random = np.random.default_rng(seed=sum(shape))
    reference = random.uniform(-1, 1, shape)
    noise = random.normal(0, 0.4, shape)
    distorted = np.clip(reference + noise, -1, 1)
    return reference.astype(np.float32), distorted.astype(np.float32)
