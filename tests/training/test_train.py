"""Training runs: results, resume, replicas, workers and options."""

import csv
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips.weights.npz import WeightsError, read_npz, write_npz
from keras_lpips.weights.presets import fetch_backbone
from keras_lpips_cli.errors import UserError
from saved_models.export import main as export
from tests.support.fake_judgements import write_tree
from tests.support.ports import free_port
from tests.support.training_runs import (
    check_close,
    prepare,
    replicas,
    run_training,
)
from training.data import vectors
from training.data.vectors import embed
from training.evaluate import main as evaluate_main
from training.metrics.registry import find_metric
from training.model.optimizer import make_optimizer, training_step
from training.model.triplet_model import TripletModel, named_weights
from training.recipes import find_recipe
from training.run.run_folder import RunError
from training.run.run_loading import TrainedRun
from training.train import main

ROOT = Path(__file__).parents[2]


def one_device():
    return tf.distribute.OneDeviceStrategy("CPU:0")


@pytest.fixture(scope="module")
def lin(judged, tmp_path_factory, backbone):
    """The folder of a finished run of lin on one replica."""
    folder = tmp_path_factory.mktemp("runs") / "lin"
    run_training(judged, folder, f"{backbone('alex')}/lin")
    return folder


@pytest.fixture(scope="module")
def no_dropout(judged, tmp_path_factory, backbone):
    """The weights of lin without dropout on one replica."""
    folder = tmp_path_factory.mktemp("runs") / "no-dropout"
    return run_training(judged, folder, f"{backbone('alex')}/lin-no-dropout")


@pytest.fixture(scope="module")
def tuned(judged, tmp_path_factory, backbone):
    """The folder of a run of tune: one epoch of three steps."""
    folder = tmp_path_factory.mktemp("runs") / "tune"
    run_training(
        judged, folder, f"{backbone('alex')}/tune", one_device(), epochs=1
    )
    return folder


def test_a_run_records_settings_history_and_logs(lin):
    held = json.loads((lin / "settings.json").read_text())
    assert held["settings"]["recipe"] == "alex/lin"
    assert {"backbone_digest", "tensorflow", "git_revision"} <= set(
        held["about"]
    )
    with open(lin / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"loss", "cnn_2afc", "traditional_2afc"} <= set(rows[0])
    assert (lin / "curves.png").stat().st_size


def test_tensorboard_logs_hold_the_history(lin):
    with open(lin / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    logged = {}
    for path in (lin / "tensorboard").iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                number = tf.make_ndarray(value.tensor)
                logged[value.tag, str(event.step)] = float(number)
    expected = {
        (name, row["epoch"]): pytest.approx(float(value), rel=1e-6)
        for row in rows
        for name, value in row.items()
        if name != "epoch"
    }
    assert logged == expected


def test_heads_are_never_negative_and_have_moved(lin):
    start = TripletModel(find_recipe("alex/lin"), seed=0).lpips.heads
    ended = read_npz(lin / "weights.npz")
    for head in start:
        name = f"heads/{head.name.removeprefix('head_')}/kernel"
        assert np.min(head.kernel) < 0
        assert ended[name].min() == 0
        assert np.abs(ended[name] - head.kernel).max() > 1e-4


def test_two_replicas_learn_what_one_does(lin, judged, tmp_path):
    """With dropout, and with a last batch that does not divide."""
    two = run_training(judged, tmp_path / "two", "alex/lin", replicas(2))
    check_close(two, read_npz(lin / "weights.npz"), rtol=1e-4, atol=1e-6)


class _Stop(keras.callbacks.Callback):
    """Ends a run after some steps as a kill would: without writing."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def stop_training(data, output, recipe, steps, strategy=None, **options):
    """Starts or resumes a run and stops it in its step number `steps`."""
    with pytest.raises(KeyboardInterrupt):
        run_training(
            data,
            output,
            recipe,
            strategy,
            callbacks=[_Stop(steps)],
            checkpoint_seconds=0,
            **options,
        )


def test_a_run_stopped_twice_ends_with_the_same_weights(lin, judged, tmp_path):
    """In the middle of the first epoch, and at the start of the second."""
    for steps in (2, 3):
        stop_training(judged, tmp_path / "run", "alex/lin", steps)
    resumed = run_training(judged, tmp_path / "run", "alex/lin")
    check_close(resumed, read_npz(lin / "weights.npz"), rtol=0, atol=1e-7)


def test_tune_resumes_with_the_backbone(tuned, judged, tmp_path):
    output, options = tmp_path / "run", {"epochs": 1}
    stop_training(judged, output, "alex/tune", 2, one_device(), **options)
    assert (output / "checkpoint.npz").exists()
    assert not (output / "weights.npz").exists()
    resumed = run_training(judged, output, "alex/tune", one_device(), **options)
    check_close(resumed, read_npz(tuned / "weights.npz"), rtol=0, atol=1e-7)


def test_jit_learns_what_plain_steps_do(no_dropout, judged, tmp_path):
    weights = run_training(
        judged,
        tmp_path / "run",
        "alex/lin-no-dropout",
        one_device(),
        jit=True,
    )
    check_close(weights, no_dropout, rtol=0, atol=1e-4)


def test_jit_resumes(judged, tmp_path, backbone):
    recipe = f"{backbone('alex')}/lin-fast"
    stop_training(judged, tmp_path / "run", recipe, 5, one_device(), jit=True)
    resumed, whole = (
        run_training(judged, tmp_path / name, recipe, one_device(), jit=True)
        for name in ("run", "whole")
    )
    check_close(resumed, whole, rtol=0, atol=1e-7)


def test_a_run_keeps_its_jit(lin, judged):
    with pytest.raises(RunError, match=r"other settings \(jit\)"):
        run_training(judged, lin, "alex/lin", jit=True)


def test_vectors_on_the_way_are_resumed(
    no_dropout, judged, tmp_path, monkeypatch
):
    """Stopped with 20 of 34 vectors of the training part."""
    folder, requested = tmp_path / "run", []

    def embed_and_record(model, source, first, last, stop):
        for start, *batch in embed(model, source, first, last):
            if stop and start:
                raise KeyboardInterrupt
            requested.append((start, last))
            yield start, *batch

    def patch_embed(stop):
        monkeypatch.setattr(
            vectors, "embed", functools.partial(embed_and_record, stop=stop)
        )

    monkeypatch.setattr(vectors, "BATCH_SIZE", 20)
    patch_embed(stop=True)
    with pytest.raises(KeyboardInterrupt):
        run_training(judged, folder, "alex/lin-fast")
    done = json.loads((folder / "train.done.json").read_text())
    assert done == {"triplets": 20}
    patch_embed(stop=False)
    resumed = run_training(judged, folder, "alex/lin-fast")
    assert requested == [(0, 34), (20, 34), (0, 4), (0, 4)]
    check_close(resumed, no_dropout, rtol=1e-3, atol=1e-6)


def command(data_dir, output):
    return [
        *(sys.executable, "-m", "training.train", "--recipe", "alex/lin"),
        *("--data-dir", str(data_dir), "--output", str(output)),
        *("--batch-size", "16", "--epochs", "2", "--checkpoint-seconds", "0"),
    ]


@pytest.mark.slow
def test_a_killed_process_resumes_with_the_same_command(lin, judged, tmp_path):
    output = tmp_path / "run"
    process = subprocess.Popen(
        command(judged, output),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (output / "checkpoint.npz").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The partial file of a kill while writing.
    (output / ".partial-abcd1234.npz").touch()
    resumed = run_training(judged, output, "alex/lin")
    check_close(resumed, read_npz(lin / "weights.npz"), rtol=0, atol=1e-6)
    assert not list(output.glob(".partial-*"))


@pytest.mark.slow
def test_two_workers_learn_what_one_does(lin, judged, tmp_path):
    workers = [f"localhost:{free_port()}" for _ in range(2)]
    processes = [
        subprocess.Popen(
            command(judged, tmp_path / "run"),
            cwd=ROOT,
            env={
                **os.environ,
                "TF_CONFIG": json.dumps(
                    {
                        "cluster": {"worker": workers},
                        "task": {"type": "worker", "index": index},
                    }
                ),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]
    output = [process.communicate(timeout=300)[0] for process in processes]
    assert [p.returncode for p in processes] == [0, 0], output
    check_close(
        read_npz(tmp_path / "run" / "weights.npz"),
        read_npz(lin / "weights.npz"),
        rtol=1e-4,
        atol=1e-6,
    )


def test_tune_moves_every_weight_of_the_backbone(tuned, judged, tmp_path):
    weights = read_npz(tuned / "weights.npz")
    for name, array in fetch_backbone("alex").items():
        assert np.abs(weights[f"backbone/{name}"] - array).max() > 0, name
    # The result is a metric for the evaluation.
    status = evaluate_main(
        ["--data-dir", str(judged), "--output", str(tmp_path / "report")]
        + ["--metrics", str(tuned), "--skip-shift"]
    )
    assert status == 0


def test_layers_other_than_the_taps_can_be_calibrated(
    judged, tmp_path, backbone
):
    """VGG16 at its first two convolutions, with heads and ranking head."""
    folder = tmp_path / "run"
    taps = ("conv1_1", "conv1_2")
    recipe = f"{backbone('vgg')}/lin-fast"
    weights = run_training(judged, folder, recipe, taps=taps, epochs=1)
    assert weights["heads/conv1_1/kernel"].shape == (64,)
    metric = find_metric(str(folder))
    assert metric.lpips.taps == list(taps)
    for tap, head in zip(taps, metric.lpips.heads, strict=True):
        np.testing.assert_array_equal(
            head.kernel, weights[f"heads/{tap}/kernel"]
        )
    # ExportedScorer, it is the same metric.
    model = tmp_path / "model"
    assert export(["--from", str(folder), "--output", str(model)]) == 0
    rng = np.random.default_rng(0)
    pair = rng.integers(0, 256, (2, 3, 64, 64, 3), np.uint8)
    served = find_metric(f"savedmodel/{model}")
    assert served.distances(*pair) == pytest.approx(
        metric.distances(*pair), rel=1e-4
    )


def test_the_ranking_head_can_decide(lin):
    model = TripletModel(find_recipe("alex/lin"), seed=0)
    arrays = read_npz(lin / "weights.npz")
    for name, variable in named_weights(model).items():
        variable.assign(arrays[name])
    rng = np.random.default_rng(0)
    batch = {
        role: rng.integers(0, 256, (5, 64, 64, 3), np.uint8)
        for role in ("ref", "p0", "p1")
    }
    *_, logits = model(batch)
    metric = find_metric(f"ranked/{lin}")
    first, second = metric.two_distances(*batch.values())
    shares = 1 / (1 + np.exp(-np.asarray(logits)))
    # The shares who find the second and the first closer.
    np.testing.assert_allclose(first, shares, atol=1e-4)
    np.testing.assert_allclose(second, 1 - shares, atol=1e-4)
    assert metric.distances(batch["ref"], batch["p0"]) == pytest.approx(
        find_metric(str(lin)).distances(batch["ref"], batch["p0"])
    )


def test_a_step_of_lin_leaves_squeezes_backbone_unchanged(backbone):
    """The reference clips its 1 x 1 kernels, which the heads are, too."""
    model = TripletModel(find_recipe(f"{backbone('squeeze')}/lin"), seed=0)
    optimizer = make_optimizer()
    optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(0)
    batch = {
        role: rng.integers(0, 256, (2, 64, 64, 3), np.uint8)
        for role in ("ref", "p0", "p1")
    }
    batch |= {
        "judge": np.float32([0, 1]),
        "weight": np.float32([0.5, 0.5]),
        "row": np.arange(2),
    }
    before = np.asarray(model.lpips.heads[0].kernel).copy()
    training_step(model, optimizer)(batch, tf.constant(0, tf.int64))
    assert np.any(before != np.asarray(model.lpips.heads[0].kernel))
    pretrained = fetch_backbone("squeeze")
    for layer in model.lpips.backbone.layers:
        for variable in layer.weights:
            np.testing.assert_array_equal(
                variable, pretrained[f"{layer.name}/{variable.name}"]
            )


def test_bfloat16_learns_nearly_what_float32_does(no_dropout, judged, tmp_path):
    weights = run_training(
        judged,
        tmp_path / "run",
        "alex/lin-no-dropout",
        one_device(),
        precision="mixed_bfloat16",
    )
    check_close(weights, no_dropout, rtol=0, atol=2e-3)


def test_a_scaled_difference_can_replace_the_ranking_head(
    judged, tmp_path, backbone
):
    weights = run_training(
        judged,
        tmp_path / "run",
        f"{backbone('alex')}/lin-fast",
        one_device(),
        distance_only=True,
        epochs=1,
    )
    head = TrainedRun(tmp_path / "run").ranking_head()
    assert weights["ranking_head/log_scale"] == head.log_scale.numpy() != 0


def test_a_run_of_other_settings_is_not_overwritten(lin, judged, capsys):
    status = main(
        ["--data-dir", str(judged), "--output", str(lin), "--seed", "1"]
    )
    assert status == 1
    assert "holds a run of other settings" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["weights.npz", "history.csv", "curves.png"])
@pytest.mark.parametrize("cut", [None, 20], ids=["missing", "cut"])
def test_a_finished_run_with_a_damaged_file_writes_it_again(
    name, cut, lin, judged, tmp_path, capsys
):
    run = shutil.copytree(lin, tmp_path / "run")
    whole = (run / name).read_bytes()
    (run / name).unlink()
    if cut:
        (run / name).write_bytes(whole[:cut])
    run_training(judged, run, "alex/lin")
    assert "already holds this run" not in capsys.readouterr().out
    assert (run / name).read_bytes() == whole


def test_a_damaged_settings_file_is_one_sentence(lin, judged, tmp_path):
    run = shutil.copytree(lin, tmp_path / "run")
    (run / "settings.json").write_text('{"settings": ')
    with pytest.raises(UserError, match="settings.json is damaged"):
        run_training(judged, run, "alex/lin")


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b"\xff\xfe"])
def test_an_evaluation_of_damaged_settings_is_one_sentence(
    content, lin, tmp_path
):
    run = shutil.copytree(lin, tmp_path / "run")
    (run / "settings.json").write_bytes(content)
    error, message = UserError, "settings.json is damaged"
    if content == b"{}":
        error, message = WeightsError, "holds no run of training.train"
    with pytest.raises(error, match=message):
        TrainedRun(run)


@pytest.mark.parametrize(
    "content", ["", "epoch,loss\n", "epoch,loss\n1\n", "a\n1\n", "epoch\n\0\n"]
)
def test_an_export_of_a_damaged_history_is_one_sentence(content, lin, tmp_path):
    run = shutil.copytree(lin, tmp_path / "run")
    (run / "history.csv").write_text(content)
    with pytest.raises(WeightsError, match="holds no run of training.train"):
        TrainedRun(run)


@pytest.mark.parametrize("progress", [None, b"", b"[1]", b'{"x": 1}', b"\xff"])
def test_a_damaged_checkpoint_is_one_sentence(
    progress, lin, judged, tmp_path, capsys
):
    run = shutil.copytree(lin, tmp_path / "run")
    path = run / "checkpoint.npz"
    if progress is None:
        path.write_bytes(path.read_bytes()[:999])
    else:
        arrays = read_npz(path)
        arrays["progress"] = np.frombuffer(progress, np.uint8)
        write_npz(path, arrays)
    assert main(command(judged, run)[3:]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"training.train: {path} is ")


def test_a_finished_run_is_left_unchanged(lin, judged, capsys):
    def state():
        return {
            path: (path.stat().st_mtime_ns, path.stat().st_size)
            for path in [lin, *lin.rglob("*")]
        }

    before = state()
    assert main(command(judged, lin)[3:]) == 0
    assert capsys.readouterr().out == (
        f"training.train: {lin} already holds this run, finished with "
        "epoch 2: weights.npz, history.csv, curves.png\n"
    )
    assert state() == before
    # One for each epoch.
    assert len(list((lin / "tensorboard").iterdir())) == 2


def test_a_run_killed_between_its_last_files_is_completed(
    lin, judged, tmp_path
):
    """A run writes the digest of its weights last."""
    killed = shutil.copytree(lin, tmp_path / "run")
    digest = killed / "weights.sha256"
    digest.write_text("of the epoch before\n")
    (killed / "curves.png").unlink()
    assert main(command(judged, killed)[3:]) == 0
    assert digest.read_text() == (lin / "weights.sha256").read_text()
    assert (killed / "curves.png").exists()


def test_judgements_without_a_val_split_are_trained_on(
    tmp_path_factory, tmp_path, backbone, capsys
):
    tree = write_tree(tmp_path_factory.mktemp("tree"), {"train/cnn": 12})
    data = prepare(tree, tmp_path_factory.mktemp("no_val"))
    backbone("alex")
    words = [*command(data, tmp_path / "run")[3:], "--recipe", "alex/lin-fast"]
    assert main([*words, "--epochs", "1"]) == 0
    assert "triplets/s, no val split to score\n" in capsys.readouterr().out
    assert (tmp_path / "run" / "curves.png").exists()


@pytest.mark.parametrize("flags", [["--taps", "conv9"], ["--config", "twoafc"]])
def test_an_error_before_the_run_leaves_nothing(
    flags, judged, tmp_path, capsys
):
    output = tmp_path / "run"
    assert main([*command(judged, output)[3:], *flags]) == 1
    assert capsys.readouterr().err.startswith("training.train: ")
    assert not output.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--recipe", "alex/best"], "--recipe must be one of"),
        (["--recipe", "alex/lin", "--vectors", "V"], "is for lin-fast"),
        (["--epochs", "-1"], "--epochs"),
    ],
)
def test_wrong_flags_exit_with_2(flags, message, tmp_path, capsys):
    data = ["--data-dir", str(tmp_path), "--output", str(tmp_path / "run")]
    with pytest.raises(SystemExit, match="2"):
        main([*data, *flags])
    assert message in " ".join(capsys.readouterr().err.split())


def test_runs_of_one_process_under_new_strategies(judged, tmp_path):
    # TensorFlow's collective operations would meet the shapes of the first.
    for recipe in ("alex/lin", "alex/tune"):
        run_training(judged, tmp_path / recipe, recipe, replicas(2), epochs=1)
