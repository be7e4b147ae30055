"""The reference and our layer with the same random weights.

The reference runs in a process of its own, without TensorFlow.
"""

import functools
import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.implementations.process import RemoteObject

VARIANTS = {
    "v0.1": {"version": "0.1", "calibrated": True},
    "v0.0": {"version": "0.0", "calibrated": True},
    "off-the-shelf": {"version": "0.1", "calibrated": False},
}
LARGEST = pytest.StashKey[dict]()


@dataclass(frozen=True)
class Twins:
    """Our layer, and the reference with the same weights.

    `theirs(method, *arguments)` calls `tests.support.torch_reference`.
    """

    ours: object
    theirs: object
    key: tuple


@pytest.fixture(scope="session")
def reference():
    """The reference in a process without TensorFlow."""
    if importlib.util.find_spec("lpips") is None:
        pytest.skip("`make parity` installs the reference")
    with RemoteObject(
        "tests.support.torch_reference:Reference",
        environment={"KERAS_BACKEND": "torch"},
    ) as started:
        yield started


@pytest.fixture(scope="session", params=["alex", "vgg", "squeeze"])
def net(request):
    return request.param


@pytest.fixture(scope="session", params=list(VARIANTS))
def variant(request):
    return request.param


@pytest.fixture(scope="session")
def make_twins(reference):
    """A function of `(net, variant, spatial, bias)` that makes `Twins`."""
    return functools.lru_cache(maxsize=4)(
        functools.partial(_make_twins, reference)
    )


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


def _make_twins(reference, net, variant, spatial=False, bias=0.1):
    from keras_lpips import LPIPS
    from keras_lpips.weights.convert.mapping import backbone_from_torchvision
    from keras_lpips.weights.convert.torch_state_dict import read_torch_pickle

    settings = {**VARIANTS[variant], "spatial": spatial}
    # Saved by torch and read without it, as a downloaded file is.
    arrays = read_torch_pickle(reference.call("saved_backbone", net, bias))
    converted = backbone_from_torchvision(net, arrays)
    ours = LPIPS(net, backbone_weights="random", **settings)
    for layer in ours.backbone.layers:
        for variable in layer.weights:
            variable.assign(converted.pop(f"{layer.name}/{variable.name}"))
    assert not converted
    key = (net, *settings.values(), bias)
    return Twins(ours, lambda name, *x: reference.call(name, key, *x), key)


def _draw_pair(shape):
    random = np.random.default_rng(seed=sum(shape))
    reference = random.uniform(-1, 1, shape)
    noise = random.normal(0, 0.4, shape)
    distorted = np.clip(reference + noise, -1, 1)
    return reference.astype(np.float32), distorted.astype(np.float32)
