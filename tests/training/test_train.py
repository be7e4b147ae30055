import csv
import dataclasses
import functools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips.weights.npz import read_npz
from saved_models.export import main as export
from tests.support.fake_judgements import write_tree
from tests.training.conftest import prepare
from training.data import vectors
from training.data.vectors import embed
from training.evaluate import main as evaluate_main
from training.metrics.registry import find_metric
from training.model.triplet_model import TripletModel, named_weights
from training.run.run_folder import RunError
from training.run.run_loading import TrainedRun
from training.train import Settings, main, train

ROOT = Path(__file__).parents[2]
# Two epochs of five steps; the last batch of each has two triplets.
STEPS = {"batch_size": 16, "epochs": 2}


def devices(count):
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])


def run(data_dir, output, recipe, strategy=None, callbacks=(), **kwargs):
    """Trains and returns the weights."""
    settings = Settings(
        str(data_dir), str(output), recipe=recipe, **{**STEPS, **kwargs}
    )
    train(settings, strategy or devices(1), callbacks)
    return read_npz(output / "weights.npz")


def check_close(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_allclose(
            array, second[name], err_msg=name, **tolerance
        )


@pytest.fixture(scope="module")
def lin(judged, tmp_path_factory, backbone):
    """A finished run of lin on one replica."""
    folder = tmp_path_factory.mktemp("runs") / "lin"
    run(judged, folder, f"{backbone('alex')}/lin")
    return folder


def test_a_run_leaves_all_that_is_needed_to_repeat_it(lin):
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
    assert list((lin / "tensorboard").iterdir())


def test_heads_are_never_negative_and_have_moved(lin):
    start = TripletModel(_recipe("alex/lin"), seed=0).lpips.heads
    ended = read_npz(lin / "weights.npz")
    for head in start:
        name = f"heads/{head.name.removeprefix('head_')}/kernel"
        assert np.min(head.kernel) < 0
        assert ended[name].min() == 0
        assert np.abs(ended[name] - head.kernel).max() > 1e-4


def test_two_replicas_learn_what_one_does(lin, judged, tmp_path):
    """With dropout, and with a last batch that does not divide."""
    two = run(judged, tmp_path / "two", "alex/lin", devices(2))
    check_close(two, read_npz(lin / "weights.npz"), rtol=1e-4, atol=1e-6)


class _Stop(keras.callbacks.Callback):
    """Ends a run in the middle, as a kill would: nothing more is written."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_a_run_stopped_at_three_moments_ends_with_the_same_weights(
    lin, judged, tmp_path
):
    for steps in (2, 3, 4):
        with pytest.raises(KeyboardInterrupt):
            run(
                judged,
                tmp_path / "run",
                "alex/lin",
                callbacks=[_Stop(steps)],
                checkpoint_seconds=0,
            )
    resumed = run(judged, tmp_path / "run", "alex/lin")
    check_close(resumed, read_npz(lin / "weights.npz"), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("recipe", "options"),
    # XLA's masks are others than the plain kernel's; the checkpoints of
    # `tune` hold the backbone.
    [("alex/lin", {"jit": True}), ("alex/tune", {})],
    ids=["jit", "tune"],
)
def test_a_stopped_run_goes_on_as_one_that_was_not(
    recipe, options, judged, tmp_path, backbone
):
    backbone("alex")
    # Three steps in all.
    options |= {"batch_size": 22, "epochs": 1, "checkpoint_seconds": 0}
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    whole = run(judged, tmp_path / "whole", recipe, strategy, **options)
    with pytest.raises(KeyboardInterrupt):
        run(
            judged,
            tmp_path / "run",
            recipe,
            strategy,
            callbacks=[_Stop(2)],
            **options,
        )
    assert (tmp_path / "run" / "checkpoint.npz").exists()
    assert not (tmp_path / "run" / "weights.npz").exists()
    resumed = run(judged, tmp_path / "run", recipe, strategy, **options)
    check_close(resumed, whole, rtol=0, atol=1e-7)


def test_a_run_keeps_to_its_jit(lin, judged):
    with pytest.raises(RunError, match=r"other settings \(jit\)"):
        run(judged, lin, "alex/lin", jit=True)


def test_vectors_that_are_half_made_are_gone_on_with(
    no_dropout, judged, tmp_path, monkeypatch
):
    """Killed while it makes those of the training part: 50 of 66 are there."""
    folder, asked = tmp_path / "run", []

    def embed_and_note(model, source, first, last, stop):
        for start, *batch in embed(model, source, first, last):
            if stop and start:
                raise KeyboardInterrupt
            asked.append((start, last))
            yield start, *batch

    def stopped_or_not(stop):
        monkeypatch.setattr(
            vectors,
            "embed",
            functools.partial(embed_and_note, stop=stop),
        )

    stopped_or_not(True)
    with pytest.raises(KeyboardInterrupt):
        run(judged, folder, "alex/lin-fast")
    assert json.loads((folder / "train.done.json").read_text()) == 50
    stopped_or_not(False)
    resumed = run(judged, folder, "alex/lin-fast")
    assert asked == [(0, 66), (50, 66), (0, 12), (0, 12)]
    check_close(resumed, no_dropout, rtol=1e-3, atol=1e-6)


def command(data_dir, output):
    return [
        *(sys.executable, "-m", "training.train", "--recipe", "alex/lin"),
        *("--data-dir", str(data_dir), "--output", str(output)),
        *("--batch-size", "16", "--epochs", "2", "--checkpoint-seconds", "0"),
    ]


def test_a_killed_process_goes_on_with_the_same_command(lin, judged, tmp_path):
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
    time.sleep(random.random() / 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # As one leaves that is killed while it writes.
    (output / ".partial-abcd1234.npz").touch()
    resumed = run(judged, output, "alex/lin")
    check_close(resumed, read_npz(lin / "weights.npz"), rtol=0, atol=1e-6)
    assert not list(output.glob(".partial-*"))


def test_two_workers_learn_what_one_does(lin, judged, tmp_path):
    workers = [f"localhost:{port}" for port in free_ports(2)]
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
    said = [process.communicate(timeout=180)[0] for process in processes]
    assert [p.returncode for p in processes] == [0, 0], said
    check_close(
        read_npz(tmp_path / "run" / "weights.npz"),
        read_npz(lin / "weights.npz"),
        rtol=1e-4,
        atol=1e-6,
    )


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def no_dropout(judged, tmp_path_factory, backbone):
    """The weights of lin without dropout on one replica."""
    folder = tmp_path_factory.mktemp("runs") / "no-dropout"
    return run(judged, folder, f"{backbone('alex')}/lin-no-dropout")


def test_training_on_vectors_is_lin_without_dropout(
    no_dropout, judged, tmp_path
):
    fast = run(judged, tmp_path / "fast", "alex/lin-fast")
    check_close(fast, no_dropout, rtol=1e-3, atol=1e-6)


def test_tune_moves_the_backbone_and_lin_does_not(judged, tmp_path, backbone):
    backbone("alex")
    settings = Settings(str(judged), str(tmp_path / "t"), "alex/tune")
    settings = dataclasses.replace(settings, batch_size=33, epochs=1)
    model = train(settings, devices(1))
    from keras_lpips.weights.presets import fetch_backbone

    pretrained = fetch_backbone("alex")
    for layer in model.lpips.backbone.layers:
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            assert np.abs(variable - pretrained[name]).max() > 0, name
    # What was learnt is a metric of the evaluation.
    status = evaluate_main(
        ["--data-dir", str(judged), "--output", str(tmp_path / "report")]
        + ["--metrics", str(tmp_path / "t"), "--shift", "false"]
    )
    assert status == 0


def test_layers_that_are_no_taps_can_be_calibrated(judged, tmp_path, backbone):
    """VGG16 at its first two convolutions, with heads and ranking head."""
    folder = tmp_path / "run"
    taps = ["conv1_1", "conv1_2"]
    recipe = f"{backbone('vgg')}/lin-fast"
    weights = run(judged, folder, recipe, taps=taps, epochs=1)
    assert weights["heads/conv1_1/kernel"].shape == (64,)
    metric = find_metric(str(folder))
    assert metric.lpips.taps == taps
    for tap, head in zip(taps, metric.lpips.heads, strict=True):
        np.testing.assert_array_equal(
            head.kernel, weights[f"heads/{tap}/kernel"]
        )
    # Exported, it is the same metric.
    model = tmp_path / "model"
    assert export(["--from", str(folder), "--output", str(model)]) == 0
    rng = np.random.default_rng(0)
    pair = rng.integers(0, 256, (2, 3, 64, 64, 3), np.uint8)
    served = find_metric(f"savedmodel/{model}")
    assert served.distances(*pair) == pytest.approx(
        metric.distances(*pair), rel=1e-4
    )


def test_the_ranking_head_can_decide(lin):
    model = TripletModel(_recipe("alex/lin"), seed=0)
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
    # The share who find the second closer, and who find the first closer.
    np.testing.assert_allclose(first, shares, atol=1e-4)
    np.testing.assert_allclose(second, 1 - shares, atol=1e-4)
    assert metric.distances(batch["ref"], batch["p0"]) == pytest.approx(
        find_metric(str(lin)).distances(batch["ref"], batch["p0"])
    )


def test_squeezes_backbone_is_bit_identical_after_lin(
    judged, tmp_path, backbone
):
    from keras_lpips.weights.presets import fetch_backbone

    pretrained = fetch_backbone(backbone("squeeze"))
    settings = Settings(str(judged), str(tmp_path / "s"), "squeeze/lin")
    model = train(
        dataclasses.replace(settings, batch_size=33, epochs=1), devices(1)
    )
    for layer in model.lpips.backbone.layers:
        for variable in layer.weights:
            np.testing.assert_array_equal(
                variable, pretrained[f"{layer.name}/{variable.name}"]
            )


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"precision": "mixed_bfloat16"}, 2e-3),
        ({"jit": True}, 1e-4),
        ({"distance_only": True}, None),
    ],
)
def test_options_train_too(options, tolerance, no_dropout, judged, tmp_path):
    weights = run(
        judged,
        tmp_path / "run",
        "alex/lin-no-dropout",
        tf.distribute.OneDeviceStrategy("CPU:0"),
        **options,
    )
    if tolerance:
        check_close(weights, no_dropout, rtol=0, atol=tolerance)
    else:
        head = TrainedRun(tmp_path / "run").ranking_head()
        assert weights["ranking_head/log_scale"] == head.log_scale.numpy() != 0


def test_a_run_of_other_settings_is_not_overwritten(lin, judged, capsys):
    status = main(
        ["--data-dir", str(judged), "--output", str(lin), "--seed", "1"]
    )
    assert status == 1
    assert "holds a run of other settings" in capsys.readouterr().err


def _recipe(name):
    from training.recipes import find_recipe

    return find_recipe(name)


def test_a_finished_run_is_left_as_it_is(lin, judged, capsys):
    def held():
        return {
            path: (path.stat().st_mtime_ns, path.stat().st_size)
            for path in [lin, *lin.rglob("*")]
        }

    before = held()
    assert main(command(judged, lin)[3:]) == 0
    assert capsys.readouterr().out == (
        f"train: {lin} holds this run, finished with epoch 2: weights.npz, "
        "history.csv, curves.png\n"
    )
    assert held() == before
    # One for each epoch.
    assert len(list((lin / "tensorboard").iterdir())) == 2


def test_a_run_killed_between_its_last_files_is_completed(
    lin, judged, tmp_path
):
    """Last of all, a run writes its weights' digest."""
    killed = shutil.copytree(lin, tmp_path / "run")
    digest = killed / "weights.sha256"
    digest.write_text("of the epoch before\n")
    (killed / "curves.png").unlink()
    assert main(command(judged, killed)[3:]) == 0
    assert digest.read_text() == (lin / "weights.sha256").read_text()
    assert (killed / "curves.png").exists()


def test_judgements_without_a_val_part_are_trained_on(
    tmp_path_factory, tmp_path, backbone, capsys
):
    tree = write_tree(tmp_path_factory.mktemp("tree"), {"train/cnn": 12})
    data = prepare(tree, tmp_path_factory.mktemp("no_val"))
    backbone("alex")
    words = [*command(data, tmp_path / "run")[3:], "--recipe", "alex/lin-fast"]
    assert main(words) == 0
    assert "triplets/s, no val part to score\n" in capsys.readouterr().out
    assert (tmp_path / "run" / "curves.png").exists()


@pytest.mark.parametrize("flags", [["--taps", "conv9"], ["--config", "twoafc"]])
def test_a_fault_before_the_run_leaves_nothing(flags, judged, tmp_path, capsys):
    output = tmp_path / "run"
    assert main([*command(judged, output)[3:], *flags]) == 1
    assert capsys.readouterr().err.startswith("train: ")
    assert not output.exists()
