"""The C loader that servers use, in a program without Python."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

SOURCE = Path(__file__).with_name("load_session.c")


@pytest.fixture(scope="module")
def load_session(tmp_path_factory):
    """The program, compiled with the headers and library of TensorFlow."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("There is no C compiler (gcc or cc).")
    program = tmp_path_factory.mktemp("c") / "load_session"
    libraries = tf.sysconfig.get_lib()
    subprocess.run(
        [compiler, "-O1", "-Wall", "-Werror", SOURCE, "-o", program]
        + ["-I", tf.sysconfig.get_include(), f"-Wl,-rpath,{libraries}"]
        + [f"{libraries}/libtensorflow_cc.so.2"]
        + [f"{libraries}/libtensorflow_framework.so.2"],
        check=True,
    )
    return program


@pytest.fixture(scope="module")
def names(exported):
    """A function from a signature's name to the names of its tensors."""
    folder = str(exported("alex") / "1")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], folder)

    def find(name):
        signature = graph.signature_def[name]
        return [
            signature.inputs["reference"].name,
            signature.inputs["distorted"].name,
            signature.outputs["distance"].name,
        ]

    return find


def run(program, model, kind, files, names, size):
    return subprocess.run(
        [program, model / "1", kind, *files, *names, *map(str, size)],
        capture_output=True,
        text=True,
    )


@pytest.fixture
def in_process(loaded, exported):
    """A function from a signature's name and a pair to the distance."""
    signatures = loaded(exported("alex")).signatures

    def call(name, pair):
        inputs = zip(("reference", "distorted"), pair, strict=True)
        outputs = signatures[name](
            **{role: tf.constant([value]) for role, value in inputs}
        )
        return f"{float(outputs['distance'][0]):.9g}"

    return call


def test_tensors_give_the_digits_of_the_python_loader(
    load_session, names, in_process, exported, example, tmp_path
):
    pair = [(x[1] / np.float32(127.5) - 1).astype("f4") for x in example]
    files = [tmp_path / "reference", tmp_path / "distorted"]
    for image, file in zip(pair, files, strict=True):
        image.tofile(file)
    name = "serving_default"
    done = run(
        load_session,
        exported("alex"),
        "float",
        files,
        names(name),
        (1, 64, 64, 3),
    )
    assert done.stdout.strip() == in_process(name, pair)


def test_files_give_the_digits_of_the_python_loader(
    load_session, names, in_process, exported, example_files, tmp_path
):
    pair = [files[0] for files in example_files]
    files = [tmp_path / "reference.png", tmp_path / "distorted.png"]
    for image, file in zip(pair, files, strict=True):
        file.write_bytes(image)
    name = "encoded"
    done = run(load_session, exported("alex"), "file", files, names(name), (1,))
    assert done.stdout.strip() == in_process(name, pair)
    # A file that does not decode, which `tf.data` catches inside the graph.
    files[0].write_bytes(image[:-200])
    done = run(load_session, exported("alex"), "file", files, names(name), (1,))
    assert done.returncode == 0
    assert done.stdout.strip().lstrip("-") == "nan"


@pytest.mark.parametrize(
    "shape",
    [(), (64,), (64, 64, 3), (1, 64, 64, 4), (1, 64, 64, 1), (1, 1, 64, 64, 3)],
)
def test_a_wrong_rank_or_channels_are_rejected_in_one_sentence(
    shape, load_session, names, exported, tmp_path
):
    # The C loader, as the server, does not compare it with the signature.
    file = tmp_path / "image"
    np.zeros(shape, np.float32).tofile(file)
    name = "serving_default"
    done = run(
        load_session, exported("alex"), "float", [file] * 2, names(name), shape
    )
    assert done.returncode == 1
    said = "".join(f"{size} " for size in shape).strip()
    assert (
        "`reference` must have the shape (batch, height, width, 3), not] "
        f"[{said}]" in done.stderr
    )
