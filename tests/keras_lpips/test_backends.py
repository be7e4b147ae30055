"""The same code on another backend: a short parity check on JAX."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_lpips import DISTS, LPIPS, distance

ROOT = Path(__file__).parents[2]

COMPARE = """
import json, os, sys
os.environ["KERAS_BACKEND"] = "jax"
import jax, keras, numpy as np
from keras_lpips import DISTS, LPIPS, distance
assert keras.backend.backend() == "jax"
a, b = np.load(sys.argv[1])
dists = DISTS()
found = {
    "dists": jax.jit(lambda a, b: dists(a, b))(a, b).tolist(),
    "dists_gradient_is_finite": bool(
        np.isfinite(jax.grad(lambda x: dists(a, x).sum())(a)).all()
    ),
}
for net in sys.argv[2:]:
    lpips = LPIPS(net)
    gradient = jax.jit(jax.grad(lambda x: lpips(a, x).sum()))
    mask = np.zeros(a.shape[:3], np.float32)
    mask[:, 10:30, 20:] = 1
    masked = jax.jit(lambda x, m: lpips(a, x, mask=m))
    inside = jax.grad(lambda x: masked(x, mask).sum())(b)
    found[net] = {
        "distance": lpips(a, b).tolist(),
        "compiled": distance(a, b, net).tolist(),
        "map": float(lpips.spatial_map(a, b).max()),
        "gradient": float(abs(gradient(b)).sum()),
        "masked": masked(b, mask).tolist(),
        "empty": bool(np.isnan(masked(b, 0 * mask)).all()),
        "inside": ((inside != 0).any(-1) == (mask == 1)).all().tolist(),
        "finite": bool(np.isfinite(gradient(a)).all()),
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def batches():
    generator = np.random.default_rng(0)
    shape = (2, 2, 50, 61, 3)
    return generator.uniform(-1, 1, shape).astype(np.float32)


def test_jax_gives_the_same_numbers(batches, tmp_path, backbone):
    pytest.importorskip("jax")
    import tensorflow as tf

    backbone("vgg")
    nets = [backbone("alex"), backbone("squeeze")]
    np.save(tmp_path / "batches.npy", batches)
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, str(tmp_path / "batches.npy"), *nets],
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    on_jax = json.loads(done.stdout.splitlines()[-1])
    a, b = batches
    np.testing.assert_allclose(on_jax["dists"], DISTS()(a, b), rtol=1e-5)
    assert on_jax["dists_gradient_is_finite"]
    for net in nets:
        found = on_jax[net]
        expected = np.asarray(LPIPS(net)(a, b))
        np.testing.assert_allclose(found["distance"], expected, rtol=1e-5)
        np.testing.assert_allclose(found["compiled"], expected, rtol=1e-5)
        np.testing.assert_allclose(distance(a, b, net), expected, rtol=1e-5)
        mask = np.zeros(a.shape[:3], bool)
        mask[:, 10:30, 20:] = True
        expected = np.asarray(LPIPS(net)(a, b, mask=mask))
        np.testing.assert_allclose(found["masked"], expected, rtol=1e-5)
        assert found["empty"] and found["inside"]
        heat = np.max(LPIPS(net, spatial=True)(a, b))
        assert found["map"] == pytest.approx(heat, rel=1e-4)
        x = tf.constant(b)
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(LPIPS(net)(a, x))
        gradient = np.abs(tape.gradient(total, x)).sum()
        assert found["gradient"] == pytest.approx(gradient, rel=1e-3)
        assert found["finite"]
