"""A failure of any program is one sentence, and nothing before it."""

import importlib
import json
import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from tests.support.fake_judgements import write_tree
from tests.support.paths import REPOSITORY, file_digests
from tests.support.ports import free_port
from tests.support.training_runs import prepare

# Runs programs in one process and prints the status and the stderr of each.
CODE = """
import importlib, json, os, sys, tempfile, traceback
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
        except Exception:
            status = traceback.print_exc()
        sys.stderr.flush()
        os.dup2(stderr, 2)
        file.seek(0)
        results.append((status, file.read().decode()))
json.dump(results, sys.stdout)
"""
# The cache cannot be made there.
NO_CACHE = "/proc/none"
WEIGHTS = f"{NO_CACHE} cannot be written"
MOTION_JPEG = cv2.VideoWriter_fourcc(*"MJPG")
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
    (
        "training.equivalents --photos {0}/none --output {0}/o.json",
        "{0}/none",
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


# What writes a file or a folder; {2} begins its name.
OUTPUTS = [
    f"{CLI} pair {{0}}/a/1.png {{0}}/b/1.png --map {{2}}.png",
    f"{CLI} folders {{0}}/a {{0}}/b --output {{2}}.csv",
    f"{CLI} matrix {{0}}/a --output {{2}}.csv",
    f"{CLI} video {{0}}/a.avi {{0}}/a.avi --output {{2}}.csv",
    f"{CLI} optimize {{0}}/a/1.png --steps 1 --output {{2}}.png",
    "pipelines.score --pairs {0}/pairs.csv --output {2}",
    "pipelines.find_duplicates --images {0}/a/* --output {2}.csv",
    "pipelines.synthesize --photos {0}/a --triplets 2 --size 64 --output {2}",
    "pipelines.train_networks --photos {0}/a --steps 1 --networks 1 "
    "--restorers espcn --bank {2}",
    "pipelines.contact_sheet --photos {0}/a/1.png --sheet {2}.png",
    "pipelines.prepare_bapps --source {0}/tree --data-dir {2}",
    "training.train --recipe alex/lin-fast --data-dir {0}/data --output {2} "
    "--epochs 1",
    "training.precompute --recipe alex/lin-fast --data-dir {0}/data "
    "--output {2}",
    "training.evaluate --data-dir {0}/data --metrics l2 --output {2}",
    "training.kmeans --photos {0}/a --crops 40 --patches 4000 --output {2}.npz",
    "saved_models.export --net alex --output {2}",
]


def run_programs(cases, places, where=None, **environment):
    """Returns the status and the stderr of each program."""
    commands = []
    for number, case in enumerate(cases):
        module, *argv = case.format(*places, f"{where}/{number}").split()
        commands.append((module, argv))
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        input=json.dumps(commands),
        cwd=REPOSITORY,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder of what programs read."""
    folder = tmp_path_factory.mktemp("inputs")
    pixels = data.astronaut()[:160, :160]
    for side in ("a", "b"):
        (folder / side).mkdir()
        Image.fromarray(pixels).save(folder / side / "1.png")
    (folder / "pairs.csv").write_text("reference,distorted\na/1.png,b/1.png\n")
    video = str(folder / "a.avi")
    writer = cv2.VideoWriter(video, MOTION_JPEG, 25, (160, 160))
    for shift in range(9):
        writer.write(np.roll(pixels, shift, 1))
    writer.release()
    tree = write_tree(folder / "tree", {"train/cnn": 2, "val/cnn": 2})
    prepare(tree, folder / "data")
    return str(folder)


def test_every_program_has_a_case():
    programs = {
        f"{package}.{path.stem}"
        for package in ("pipelines", "training", "saved_models")
        for path in (REPOSITORY / package).glob("*.py")
        if '__name__ == "__main__"' in path.read_text()
    }
    tried = {case.split()[0] for case, _ in CASES}
    # One prints a list, the other waits a minute for a service.
    others = {"training.recipes", "pipelines.worker_boot"}
    assert programs - others == tried - {CLI}


@pytest.fixture(scope="module")
def failures(inputs):
    """Status and stderr of each case, and what the cases' places are."""
    places = (inputs, free_port())
    cases = [case for case, _ in CASES]
    return run_programs(cases, places, KERAS_LPIPS_HOME=NO_CACHE), places


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


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_an_output_that_takes_nothing_is_one_sentence(
    fault, inputs, small_disk, backbone
):
    """The file, or the folder, and the system's reason."""
    backbone("alex")
    if fault == "full":
        with pytest.raises(OSError), open(small_disk / "filler", "wb") as file:
            file.write(bytes(1 << 20))
        reasons = "No space left on device|disk space"
    else:
        remount = ["mount", "-o", "remount,ro", str(small_disk)]
        subprocess.run(remount, check=True)
        reasons = "Read-only file system|cannot be written to"
    found = run_programs(OUTPUTS, (inputs, 0), small_disk)
    wrong = []
    for case, (status, error) in zip(OUTPUTS, found, strict=True):
        name = case.split()[0].replace(CLI, "keras-lpips")
        one = status == 1 and error.startswith(f"{name}: ")
        named = str(small_disk) in error and re.search(reasons, error)
        if not (one and named and error.count("\n") == 1):
            wrong.append((case, status, error))
    assert not wrong


# A program, the function in whose place another run starts and ends, and what
# both write.
AT_ONCE = [
    (OUTPUTS[1], "keras_lpips_cli.commands.folders", "_score_or_resume", "*"),
    (f"{OUTPUTS[5]} --resume", "pipelines.scoring.job", "run_tasks", "o/*"),
    (OUTPUTS[6], "pipelines.near_duplicates.job", "_embed", "*"),
    (OUTPUTS[6], "pipelines.near_duplicates.job", "_search", "*.csv"),
    (OUTPUTS[7], "pipelines.synthesis.job", "forget_damaged", "o/*"),
    (OUTPUTS[7], "pipelines.synthesis.job", "_check_counts", "o/*"),
    (OUTPUTS[11], "training.run.trainer", "_own_vectors", "o/weights.npz"),
    (OUTPUTS[12], "training.data.precompute", "run_tasks", "o/*.*"),
    (OUTPUTS[12], "training.data.precompute", "_join", "o/*.*"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "module", "function", "files"), AT_ONCE)
def test_of_two_runs_at_once_the_results_of_one_are_whole(
    case,
    module,
    function,
    files,
    inputs,
    tmp_path,
    monkeypatch,
    capfd,
    backbone,
):
    """The other ends with the same results, or in one sentence."""
    backbone("alex")
    job = importlib.import_module(module)
    name, *argv = case.format(inputs, 0, f"{tmp_path}/o").split()
    main = importlib.import_module(name).main
    real, written = getattr(job, function), {}

    def run_another(*arguments, **options):
        monkeypatch.setattr(job, function, real)
        assert main(argv) == 0
        written.update(file_digests(tmp_path, files))
        capfd.readouterr()
        return real(*arguments, **options)

    monkeypatch.setattr(job, function, run_another)
    status = main(argv)
    error = capfd.readouterr().err
    assert status in (0, 1) and "Traceback" not in error
    if status:
        assert error.splitlines()[-1].startswith(f"{name}: ")
    after = file_digests(tmp_path, files)
    assert written and written.items() <= after.items()
