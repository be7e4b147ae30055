"""Equivalents of a distance, from the shipped tables."""

import numpy as np
import pytest

from keras_lpips import explain
from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.inference.equivalents import (
    Level,
    people_text,
    read_tables,
)
from keras_lpips.weights.heads import heads_digest
from keras_lpips.weights.presets import published_weights

TABLES = read_tables()


@pytest.mark.parametrize("name", TABLES["metrics"])
def test_tables_rise_and_are_of_the_published_weights(name):
    table = TABLES["metrics"][name]
    net, version = table["net"], table["version"]
    assert table["backbone_digest"] == published_weights(net, version).digest
    assert table["heads_digest"] == heads_digest(net, version)
    assert len(TABLES["photographs"]) == 24
    assert list(table["distances"]) == ["jpeg", "blur", "noise", "shift"]
    for kind, curves in table["distances"].items():
        curves = np.array(curves)
        assert curves.shape == (3, len(TABLES["levels"][kind]))
        assert (np.diff(curves, axis=1) >= 0).all()
        assert (np.diff(curves, axis=0) >= 0).all()
        assert (curves > 0).all()
    for i, level in enumerate(TABLES["levels"]["blur"]):
        distance = table["distances"]["blur"][1][i]
        found = explain(distance, net, version)[1]
        assert (found.median.value, found.median.side) == (level, "at")


def test_every_published_metric_has_a_table():
    names = {
        f"lpips/{net}@{version}".replace("lpips/vgg@dists", "dists")
        for net, backbone in BACKBONES.items()
        for version in (*backbone.heads, *backbone.variants)
    }
    assert set(TABLES["metrics"]) == names
    assert explain(0.2, version="dists")[0].median.side == "at"


def test_strengths_rise_with_the_distance_between_the_quartiles():
    before = None
    for distance in np.linspace(0.03, 0.4, 40):
        strengths = []
        for each in explain(distance, "alex"):
            sign = -1 if each.distortion == "jpeg" else 1
            weak, strong = (sign * x.value for x in each.quartiles)
            assert weak <= sign * each.median.value <= strong
            strengths.append(sign * each.median.value)
        assert before is None or (np.array(strengths) >= before).all()
        before = np.array(strengths)


def test_what_was_not_measured_is_reported():
    jpeg, blur, _, shift = explain(0.0, "alex")
    assert jpeg.median == Level(100, "below")
    assert str(jpeg) == (
        "less than JPEG at quality 100 (quartiles: below 100, below 100)"
    )
    assert blur.median == Level(0.4, "below")
    jpeg, *_, shift = explain(100, "alex")
    assert str(jpeg).startswith("beyond JPEG at quality 5 (")
    assert shift.median == Level(32, "beyond")
    assert str(shift).endswith("(quartiles: beyond 32, beyond 32)")


def test_people_are_quoted_for_shifts_that_they_saw():
    assert "56 % of 150 answers" in people_text(Level(2.2, "at"))
    assert "10 % of 150" in people_text(Level(9.4, "at"))
    for shift in (Level(9.6, "at"), Level(32, "beyond"), Level(1, "below")):
        assert people_text(shift) == ""


@pytest.mark.parametrize(
    ("distance", "net", "version", "message"),
    [
        (-0.1, "alex", "0.1", "at least 0"),
        (float("nan"), "alex", "0.1", "at least 0"),
        (float("inf"), "alex", "0.1", "at least 0"),
        (0.1, "resnet", "0.1", "net='resnet'"),
        (0.1, "squeeze", "st", "version='st'"),
    ],
)
def test_what_cannot_be_explained_is_an_error(distance, net, version, message):
    with pytest.raises(ValueError, match=message):
        explain(distance, net, version)
