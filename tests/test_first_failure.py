"""The first failure of every program is one sentence, and nothing before it."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.fake_judgements import write_tree
from tests.support.paths import REPOSITORY
from tests.support.ports import free_port
from tests.support.training_runs import prepare

# Runs programs in one process and prints the status and the stderr of each.
CODE = """
import importlib, json, os, sys, tempfile
# What they log on their first use is theirs.
import apache_beam, keras, tensorflow
keras.ops.zeros(1)
results = []
stderr = os.dup(2)
for module, argv in json.load(sys.stdin):
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            status = importlib.import_module(module).main(argv)
        except SystemExit as end:
            status = end.code
        sys.stderr.flush()
        os.dup2(stderr, 2)
        file.seek(0)
        results.append((status, file.read().decode()))
json.dump(results, sys.stdout)
"""
# The cache cannot be made there.
NO_CACHE = "/proc/none"
WEIGHTS = f"{NO_CACHE} cannot be written"
CLI = "keras_lpips_cli.main"
# Module and arguments, and the sentence. {0} is a folder that is there.
CASES = [
    (f"{CLI} pair {{0}}/a/1.png {{0}}/b/1.png", WEIGHTS),
    (f"{CLI} folders {{0}}/a {{0}}/b --output {{0}}/o.csv", WEIGHTS),
    (f"{CLI} matrix {{0}}/a --output {{0}}/o.csv", WEIGHTS),
    (f"{CLI} optimize {{0}}/a/1.png --output {{0}}/o.png", WEIGHTS),
    (f"{CLI} video {{0}}/a/1.png {{0}}/none --output {{0}}/o.csv", "1.png"),
    (f"{CLI} weights fetch alex", WEIGHTS),
    ("pipelines.score --pairs {0}/pairs.csv --output {0}/o", WEIGHTS),
    ("pipelines.find_duplicates --images {0}/a/* --output {0}/o.csv", WEIGHTS),
    (
        "pipelines.synthesize --photos {0}/a --triplets 9 --output {0}/o "
        "--judge alex",
        WEIGHTS,
    ),
    ("pipelines.train_networks --photos {0}/none --bank {0}/o", "{0}/none"),
    ("pipelines.contact_sheet --photos {0}/none --sheet {0}/o.png", "{0}/none"),
    ("pipelines.prepare_bapps --data-dir {0}/o --source {0}/none", "{0}/none"),
    (
        "training.train --recipe alex/lin --data-dir {0}/data --output {0}/o",
        WEIGHTS,
    ),
    (
        "training.precompute --recipe alex/lin-fast --data-dir {0}/data "
        "--output {0}/o",
        WEIGHTS,
    ),
    (
        "training.evaluate --data-dir {0}/data --output {0}/o --metrics "
        "lpips/alex",
        WEIGHTS,
    ),
    (
        "training.severity --data-dir {0}/data --output {0}/o --metrics l2",
        "not made by pipelines.synthesize",
    ),
    ("training.kmeans --photos {0}/none --output {0}/o.npz", "{0}/none"),
    ("saved_models.export --net alex --output {0}/o", WEIGHTS),
    ("saved_models.convert --net alex --output {0}/o.onnx", WEIGHTS),
    ("saved_models.serving_config --models {0}/none", "{0}/none"),
    (
        "saved_models.client {0}/a/1.png {0}/b/1.png --port {1}",
        "localhost:{1}",
    ),
]


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """Status and stderr of each case, and what the cases' places are."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("failures")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for side in ("a", "b"):
        (folder / side).mkdir()
        Image.fromarray(pixels).save(folder / side / "1.png")
    (folder / "pairs.csv").write_text("reference,distorted\na/1.png,b/1.png\n")
    tree = write_tree(folder / "tree", {"train/cnn": 2, "val/cnn": 2})
    prepare(tree, folder / "data")
    places = (str(folder), free_port())
    commands = [
        (module, argv)
        for module, *argv in (case.format(*places).split() for case, _ in CASES)
    ]
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        input=json.dumps(commands),
        cwd=REPOSITORY,
        env=os.environ
        | {"KERAS_LPIPS_HOME": NO_CACHE, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1]), places


def test_every_program_has_a_case():
    programs = {
        f"{package}.{path.stem}"
        for package in ("pipelines", "training", "saved_models")
        for path in (REPOSITORY / package).glob("*.py")
        if '__name__ == "__main__"' in path.read_text()
    }
    tried = {case.split()[0] for case, _ in CASES}
    # It prints a list, and has nothing to fail at.
    assert programs - {"training.recipes"} == tried - {CLI}


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=[case.split(" {")[0] for case, _ in CASES]
)
def test_the_first_failure_is_one_sentence(number, failures):
    results, places = failures
    status, error = results[number]
    case, sentence = CASES[number]
    name = case.split()[0].replace(CLI, "keras-lpips")
    assert status == 1
    assert error.startswith(f"{name}: ") and error.count("\n") == 1, error
    assert sentence.format(*places) in error
