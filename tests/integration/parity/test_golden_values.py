"""The stored golden values, against the reference as it is now."""

import pytest

from tests.support.golden_values import compute, golden, within


def test_the_stored_values_are_those_of_the_reference(reference, backbone):
    backbone("squeeze")
    for entry in compute(reference):
        stored = golden(entry["net"], entry["version"], entry["calibrated"])
        for kind in ("distances", "maps"):
            assert within(entry[kind], stored[kind])
        for parts, expected in zip(
            entry["per_layer"], stored["per_layer"], strict=True
        ):
            assert parts == pytest.approx(expected, rel=1e-5, abs=2e-6)
