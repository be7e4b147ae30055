from importlib import metadata

import keras
import tensorflow as tf

import keras_lpips
from keras_lpips.inference.provenance import describe


def test_versions_are_those_of_the_modules_not_of_distributions(monkeypatch):
    """As with tensorflow-cpu, or from a checkout that is not installed."""

    def fail(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", fail)
    found = describe("alex", "0.1", True)
    assert found["backend"] == f"tensorflow {tf.__version__}"
    assert found["keras"] == keras.__version__
    assert found["keras_lpips"] == keras_lpips.__version__
    assert len(found["backbone_digest"]) == len(found["heads_digest"]) == 64
    assert describe("alex", "0.1", False)["heads_digest"] is None
