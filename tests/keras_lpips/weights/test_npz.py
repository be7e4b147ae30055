import os
import tracemalloc
import warnings

import numpy as np
import pytest

from keras_lpips import WeightsError
from keras_lpips.weights.npz import (
    check_keys,
    content_digest,
    file_digest,
    read_npz,
    write_npz,
)

ARRAYS = {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "new" / "folder" / "a.npz"
    write_npz(path, ARRAYS)
    found = read_npz(path)
    assert list(found) == ["a/kernel"]
    np.testing.assert_array_equal(
        found["a/kernel"], ARRAYS["a/kernel"], strict=True
    )
    assert [x.name for x in path.parent.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("target", ["blob-without-suffix", "blob.bin"])
def test_a_link_stays_a_link_whatever_suffix_its_target_has(tmp_path, target):
    (tmp_path / target).write_bytes(b"old")
    link = tmp_path / "weights.npz"
    link.symlink_to(target)
    write_npz(link, ARRAYS)
    assert link.is_symlink()
    np.testing.assert_array_equal(
        read_npz(tmp_path / target)["a/kernel"], ARRAYS["a/kernel"]
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [target, "weights.npz"]
    )


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("position", [0.0, 0.2, 0.4, 0.6, 0.8, 0.99])
def test_a_damaged_file_is_one_error_and_leaves_no_file_open(
    tmp_path, save, position
):
    path = tmp_path / "a.npz"
    values = np.random.default_rng(0).normal(size=2000)
    save(path, a=values)
    whole = path.read_bytes()
    at = int(position * len(whole))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path.write_bytes(whole[:at])
        with pytest.raises(WeightsError, match="a.npz is not a readable .npz"):
            read_npz(path)
        path.write_bytes(whole[:at] + b"\xff" * 8 + whole[at + 8 :])
        try:
            np.testing.assert_array_equal(read_npz(path)["a"], values)
        except WeightsError as error:
            assert "a.npz" in str(error)


def test_other_files_are_no_archives(tmp_path):
    path = tmp_path / "a.npz"
    for write in (
        lambda file: np.save(file, np.zeros(3)),
        lambda file: np.savez(file, a=np.array([None], object)),
        lambda file: np.savez(file, a=np.array(["text"])),
        lambda file: np.savez(file, a=np.array([1j])),
        lambda file: file.write(b"text"),
    ):
        with open(path, "wb") as file:
            write(file)
        with pytest.raises(WeightsError, match="a.npz"):
            read_npz(path)
    with pytest.raises(WeightsError, match="is not a regular file"):
        read_npz(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "none.npz")


def test_the_digest_is_of_names_shapes_and_values_alone():
    array = ARRAYS["a/kernel"]
    digest = content_digest({"a": array, "b": array + 1})
    assert digest == content_digest({"b": array + 1, "a": array})
    assert digest == content_digest(
        {"a": np.asfortranarray(array), "b": (array + 1).astype(">f8")}
    )
    for other in (
        {"a": array, "c": array + 1},
        {"a": array.reshape(3, 2), "b": array + 1},
        {"a": array, "b": array + np.float32(1.0001)},
        {"a": array},
    ):
        assert content_digest(other) != digest


def test_the_digest_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "empty").touch()
    assert file_digest(tmp_path / "empty").startswith("e3b0c44298fc1c14")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"a/kernel": (2, 3), "b": (1,)}, r"missing \['b'\]"),
        ({}, r"unknown \['a/kernel'\]"),
        ({"a/kernel": (3, 2)}, r"a/kernel is \(2, 3\), not \(3, 2\)"),
    ],
)
def test_names_and_shapes_are_checked_both_ways(shapes, message):
    check_keys(ARRAYS, {"a/kernel": (2, 3)}, "the file")
    with pytest.raises(WeightsError, match=message):
        check_keys(ARRAYS, shapes, "the file")


def test_an_archive_that_unpacks_to_too_much_is_rejected(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.zeros(1 << 20))
    assert path.stat().st_size < 1 << 14
    assert read_npz(path)["a"].nbytes == 1 << 23
    tracemalloc.start()
    with pytest.raises(WeightsError, match="unpacks to more than 1,048,576"):
        read_npz(path, 1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_pipe_is_rejected_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(WeightsError, match="is not a regular file"):
        read_npz(tmp_path / "pipe.npz")
