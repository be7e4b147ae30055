import json

import pytest

from keras_lpips import distance, explain


def test_it_prints_one_line_for_each_distortion(command):
    done = command("explain", 0.12)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "0.12 (LPIPS alex, version 0.1) is as far as"
    for each in explain(0.12):
        assert f"  {each}" in lines
    assert "Ghildyal and Liu" in done.out
    assert lines[-1].startswith("Medians of 24 photographs at 256 px.")


def test_json_holds_levels_and_quartiles(command):
    found = json.loads(command("explain", 0.12, "--json").out)
    jpeg, *_ = found["equivalents"]
    assert jpeg["distortion"] == "jpeg" and jpeg["median"]["side"] == "at"
    assert jpeg["median"]["value"] == explain(0.12)[0].median.value
    assert (found["distance"], found["photographs"]) == (0.12, 24)


@pytest.mark.parametrize("value", ["nan", "-1", "inf"])
def test_what_is_no_distance_is_an_error(refused, value):
    assert "at least 0" in refused("explain", value)


def test_pair_explains_its_distance(command, refused, photo_folders, backbone):
    backbone("alex")
    pair = [folder / "coffee.png" for folder in photo_folders]
    value = distance(*pair)
    done = command("pair", *pair, "--explain")
    lines = done.out.splitlines()
    assert lines[0] == f"{value:.6f}"
    assert any(line.startswith("  JPEG at quality") for line in lines)
    found = json.loads(command("pair", *pair, "--explain", "--json").out)
    assert [x["distortion"] for x in found["equivalents"]] == [
        *("jpeg", "blur", "noise", "shift")
    ]
    for flags in (("--off-the-shelf",), ("--mask", pair[0])):
        message = refused("pair", *pair, "--explain", *flags)
        assert "--explain is for published LPIPS of whole images" in message
