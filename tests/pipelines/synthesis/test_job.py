"""The synthesis: plan, splits, labels, equal bytes, manifest."""

import hashlib
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from skimage import data

import tfds_bapps
from keras_lpips.baselines import l2
from keras_lpips.weights import presets
from keras_lpips.weights.npz import WeightsError
from keras_lpips_cli.errors import UserError
from pipelines.distortions import blur_compression, noise
from pipelines.distortions.registry import TYPES
from pipelines.image_io.photographs import read_photograph
from pipelines.image_io.survey import Photograph
from pipelines.rng import make_rng
from pipelines.synthesis import job, labels, planning, triplet
from pipelines.synthesis.config import SynthesisConfig
from pipelines.synthesis.shards import (
    Shard,
    make_synthetic_features,
    write_shard,
)
from pipelines.synthesize import main

ROOT = Path(__file__).parents[3]
BOTH = ("traditional", "algorithms")
DIGESTS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(40)]
PHOTOGRAPHS = [Photograph(x, x[:4], x) for x in sorted(DIGESTS)]
TWO_WORKERS = [
    "--",
    "--direct_running_mode=multi_processing",
    "--direct_num_workers=2",
]


def make_config(**changes):
    return SynthesisConfig(
        **{"triplets": 1, "output": "", "photos": "x"} | changes
    )


def draw_triplets(count=200, **changes):
    config = make_config(**changes)
    return [
        triplet.draw_triplet(digest, index, config)
        for digest in DIGESTS[:4]
        for index in range(count // 4)
    ]


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of six photographs and two that are refused."""
    folder = tmp_path_factory.mktemp("photos")
    images = [data.astronaut(), data.chelsea(), data.coffee()]
    for number, image in enumerate(images):
        half = image.shape[1] // 2
        for side, part in (("l", image[:, :half]), ("r", image[:, half:])):
            Image.fromarray(part).save(folder / f"{number}{side}.png")
    Image.fromarray(images[0][..., 0]).save(folder / "gray.png")
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return folder


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def command(photos, output, *more):
    return [
        "--photos",
        str(photos),
        "--triplets",
        "60",
        "--output",
        str(output),
        *more,
    ]


@pytest.fixture(scope="session")
def made(photos, tmp_path_factory):
    """60 triplets of two families, made in this process."""
    output = tmp_path_factory.mktemp("made") / "data"
    families = ["--families", "traditional", "algorithms"]
    assert main(command(photos, output, *families)) == 0
    return output


def test_randomness_depends_on_the_key_alone():
    first, again = (make_rng(0, "photo", 1, "place") for _ in range(2))
    other = make_rng(0, "photo", 2, "place")
    draw = first.integers(1 << 60)
    assert draw == again.integers(1 << 60)
    assert draw != other.integers(1 << 60)


def test_the_first_draw_of_a_key_is_the_same_for_ever():
    assert make_rng(0, "photo", 1, "place").integers(10**6) == FIRST_DRAW


FIRST_DRAW = 286939


def test_every_triplet_is_planned_once_and_no_photograph_twice():
    config = make_config(triplets=5000, families=BOTH, val_share=0.3)
    splits = planning.make_plan(PHOTOGRAPHS, config)
    seen, parts = [], {}
    for split, shards in splits.items():
        for shard in shards:
            length = sum(len(indices) for _, indices in shard)
            assert 0 < length <= planning.SHARD_TRIPLETS
            for photograph, indices in shard:
                seen += [(photograph.digest, index) for index in indices]
                part = split.partition("_")[0]
                parts.setdefault(photograph.digest, set()).add(part)
    assert len(seen) == len(set(seen)) == 5000
    assert all(len(part) == 1 for part in parts.values())
    assert {"train", "val"} == set().union(*parts.values())


def test_families_and_their_subsets_get_equal_shares():
    config = make_config(triplets=8000, families=BOTH, val_share=0.0)
    splits = planning.make_plan(PHOTOGRAPHS, config)
    counts = {
        split: sum(len(x) for shard in shards for _, x in shard)
        for split, shards in splits.items()
    }
    assert counts.pop("train_traditional") == pytest.approx(4000, rel=0.02)
    assert len(counts) == 4
    for count in counts.values():
        assert count == pytest.approx(1000, rel=0.05)


def test_more_photographs_leave_the_parts_of_the_others():
    def find_parts(photographs):
        config = make_config(triplets=4000, families=BOTH, val_share=0.3)
        plan = planning.make_plan(photographs, config)
        return {
            photograph.digest: split.partition("_")[0]
            for split, shards in plan.items()
            for shard in shards
            for photograph, _ in shard
        }

    few, all_of_them = find_parts(PHOTOGRAPHS[5:]), find_parts(PHOTOGRAPHS)
    assert set(few.values()) == {"train", "val"}
    assert few == {digest: all_of_them[digest] for digest in few}


def test_parts_have_their_share_of_the_photographs():
    parts = [planning.find_part(digest, 0.2) for digest in DIGESTS]
    assert parts.count("val") == pytest.approx(8, abs=5)
    assert all(planning.find_part(x, 0.0) == "train" for x in DIGESTS)
    assert all(planning.find_part(x, 1.0) == "val" for x in DIGESTS)


def test_types_differ_except_where_one_type_is_wanted():
    mixed = draw_triplets()
    share = np.mean([x.of_one_type for x in mixed])
    assert share == pytest.approx(0.2, abs=0.08)
    one_type = draw_triplets(same_type_share=1.0)
    for each in one_type:
        assert each.of_one_type
        gap = abs(each.strengths[0] - each.strengths[1])
        assert gap >= triplet.MIN_STRENGTH_GAP - 1e-9
    stronger_first = [x.strengths[0] > x.strengths[1] for x in one_type]
    assert np.mean(stronger_first) == pytest.approx(0.5, abs=0.12)


def test_sequences_have_their_share():
    names = {x.kinds[0].name for x in draw_triplets(sequence_share=0.0)}
    assert not any("+" in name for name in names)
    assert names == {kind.name for kind in TYPES}
    drawn = [kind.name for x in draw_triplets(800) for kind in x.kinds]
    share = np.mean(["+" in name for name in drawn])
    assert share == pytest.approx(0.5, abs=0.05)


def test_strengths_for_jnd_are_barely_visible():
    for each in draw_triplets(task="jnd"):
        assert len(each.kinds) == len(each.strengths) == 1
        assert 0 <= each.strengths[0] <= triplet.MAX_JND_STRENGTH


def test_a_rendered_triplet_is_cut_from_the_photograph():
    photograph = data.astronaut()
    each = draw_triplets(4, size=48)[0]
    reference, p0, p1 = each.render(photograph)
    assert reference.shape == p0.shape == p1.shape == (48, 48, 3)
    windows = np.lib.stride_tricks.sliding_window_view(
        photograph[..., 0], (48, 48)
    )
    assert (windows == reference[..., 0]).all(axis=(2, 3)).any()
    for first, second in zip(
        each.render(photograph), (reference, p0, p1), strict=True
    ):
        np.testing.assert_array_equal(first, second)


def test_severity_calls_the_weaker_patch_closer():
    triplets = draw_triplets(40, judge="severity")
    assert all(each.of_one_type for each in triplets)
    shares = labels.label_triplets("severity", triplets, [])
    for share, each in zip(shares, triplets, strict=True):
        assert share == (each.strengths[1] < each.strengths[0])


@pytest.mark.parametrize("metric", ["l2", "ssim", "alex"])
def test_a_metric_answers_softly(metric, patches, backbone):
    if metric == "alex":
        backbone("alex")
    reference = patches[0]
    near, far = (
        np.clip(reference + np.float64(x), 0, 255).astype(np.uint8)
        for x in (6, 60)
    )
    triplets = [
        (reference, far, near),
        (reference, near, far),
        (reference, reference, reference),
    ]
    shares = labels.label_triplets(metric, [None] * 3, triplets)
    assert shares.dtype == np.float32
    assert shares[0] > 0.5
    assert shares[0] + shares[1] == pytest.approx(1, abs=1e-5)
    assert shares[2] == 0.5


@pytest.mark.parametrize(
    ("judge", "network"),
    [
        ("squeeze", ("squeeze", "0.1", True)),
        ("lpips/vgg", ("vgg", "0.1", True)),
        ("lpips/alex@0.0", ("alex", "0.0", True)),
        ("off-the-shelf/alex", ("alex", "0.1", False)),
    ],
)
def test_a_judge_is_named_as_in_the_evaluation(judge, network):
    labels.check_judge(judge)
    assert labels.parse_network(judge) == network
    assert f"the metric {judge}," in labels.describe_judge(judge)


@pytest.mark.parametrize(
    "judge", ["resnet", "lpips/l2", "gaussian/alex", "alex@2", "alex@", ""]
)
def test_a_judge_that_there_is_not_is_rejected(judge):
    assert labels.parse_network(judge) is None
    with pytest.raises(UserError, match="--judge must be one of"):
        labels.check_judge(judge)


def test_another_lpips_answers_otherwise(patches, backbone, generator):
    backbone("alex")
    kinds = [noise.blue_noise, blur_compression.gaussian_blur]
    triplet = (
        patches[0],
        *(kind(patches[0], 0.3, generator) for kind in kinds),
    )
    answers = {
        float(labels.label_triplets(judge, [None], [triplet])[0])
        for judge in ("alex", "lpips/alex@0.0", "off-the-shelf/alex")
    }
    assert len(answers) == 3


def test_nobody_is_asked_by_default_and_nobody_answers_jnd():
    assert np.isnan(labels.label_triplets("none", [None], [])).all()
    with pytest.raises(ValueError, match="only people can say"):
        make_config(task="jnd", judge="l2")


def test_tfds_reads_the_folder_with_the_features_of_bapps(made, tmp_path):
    builder = tfds.builder_from_directory(made)
    bapps = tfds_bapps.Builder(config="twoafc_64", data_dir=tmp_path)
    for name, feature in bapps.info.features.items():
        assert repr(builder.info.features[name]) == repr(feature)
    total = 0
    ids = set()
    for split, info in builder.info.splits.items():
        examples = list(builder.as_data_source(split))
        assert len(examples) == info.num_examples
        total += len(examples)
        for example in examples:
            ids.add(example["id"])
            assert split.endswith("_" + example["subset"].decode())
            for role in ("ref", "p0", "p1"):
                assert example[role].shape == (64, 64, 3)
            assert (example["ref"] != example["p0"]).any() or (
                example["p0_strength"] < 0.4
            )
            assert np.isnan(example["judge"])
    assert total == len(ids) == 60


def test_the_manifest_counts_and_names(made):
    manifest = json.loads((made / "manifest.json").read_text())
    assert sum(manifest["patches_by_type"].values()) == 2 * 60
    assert sum(manifest["triplets_by_subset"].values()) == 60
    assert set(manifest["skipped_photographs"]) == {"cut.jpg", "gray.png"}
    assert len(manifest["photographs"]) == 6
    assert str(made.parent) not in json.dumps(manifest)


@pytest.mark.slow
@pytest.mark.distributed
def test_the_bytes_depend_neither_on_workers_nor_on_the_place(
    photos, small_bank, tmp_path, backbone
):
    flags = ["--families", "traditional", "cnn", "algorithms"]
    flags += ["--bank", str(small_bank), "--judge", backbone("alex")]
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(command(photos, here, *flags)) == 0
    run(command(photos, there, *flags, *TWO_WORKERS))
    assert files_of(there) == files_of(here)
    assert len(list(here.glob("*_cnn.array_record*"))) == 2
    builder = tfds.builder_from_directory(here)
    for example in builder.as_data_source("train_cnn"):
        assert 0 < example["judge"] < 1


@pytest.mark.slow
@pytest.mark.distributed
def test_a_killed_run_resumes_and_makes_the_same(made, photos, tmp_path):
    output = tmp_path / "killed"
    argv = command(photos, output, "--families", "traditional", "algorithms")
    process = start(argv)
    half_done = tmp_path / "killed.incomplete"
    deadline = time.monotonic() + 60
    while not list(half_done.glob("*.report.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not output.exists()
    kept = sorted(half_done.glob("*.report.json"))[0]
    written = kept.stat().st_mtime_ns
    shard = half_done / kept.name.removesuffix(".report.json")
    before = shard.stat().st_mtime_ns
    assert written >= before
    assert main(argv) == 0
    assert (output / shard.name).stat().st_mtime_ns == before
    assert files_of(output) == files_of(made)


@pytest.mark.parametrize("damage", ["missing", "cut", "plan"])
def test_what_another_run_left_is_compared_with_its_digests(
    damage, made, photos, tmp_path, monkeypatch, capsys
):
    output = tmp_path / "data"
    argv = command(photos, output, "--families", "traditional", "algorithms")

    def stop(*arguments):
        raise UserError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(job, "_check_counts", stop)
        assert main(argv) == 1
    left = tmp_path / "data.incomplete"
    report = sorted(left.glob("*.report.json"))[0]
    shard = left / report.name.removesuffix(".report.json")
    if damage == "missing":
        shard.unlink()
    elif damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-20])
    else:
        (left / "plan.json").write_bytes(b"\xff")
    assert main(argv) == 0
    assert files_of(output) == files_of(made)
    digests = json.loads((output / "manifest.json").read_text())["files"]
    content = (output / shard.name).read_bytes()
    assert digests[shard.name] == hashlib.sha256(content).hexdigest()


def test_another_seed_starts_anew_and_makes_other_patches(
    made, photos, tmp_path
):
    output = tmp_path / "other"
    left = tmp_path / "other.incomplete"
    left.mkdir()
    (left / "plan.json").write_text("{}")
    (left / "old.report.json").write_text("{}")
    families = ["--families", "traditional", "algorithms"]
    assert main(command(photos, output, *families, "--seed", "1")) == 0
    assert not (output / "old.report.json").exists()
    name = next(x.name for x in made.glob("*traditional*"))
    assert (output / name).read_bytes() != (made / name).read_bytes()


def test_a_judge_without_weights_fails_before_the_work(
    photos, tmp_path, capsys, monkeypatch
):
    def fail(net):
        raise WeightsError(f"no weights of {net}")

    monkeypatch.setattr(presets, "fetch_backbone", fail)
    output = tmp_path / "data"
    assert main(command(photos, output, "--judge", "alex")) == 1
    error = capsys.readouterr().err
    assert error == "pipelines.synthesize: no weights of alex\n"
    assert list(tmp_path.iterdir()) == []


def test_a_metric_as_judge_is_never_called_human(photos, tmp_path):
    output = tmp_path / "taught"
    assert main(command(photos, output, "--judge", "l2")) == 0
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["judge"] == "l2"
    assert manifest["judge_description"].startswith(
        "Not human: the soft answer"
    )
    builder = tfds.builder_from_directory(output)
    assert "Not human" in builder.info.description
    for split in builder.info.splits:
        for example in builder.as_data_source(split):
            d0, d1 = (l2(example["ref"], example[p]) for p in ("p0", "p1"))
            assert example["judge"] == pytest.approx(d0 / (d0 + d1), abs=1e-6)


def test_jnd_pairs_have_the_features_of_jnd(photos, tmp_path):
    output = tmp_path / "jnd"
    assert main(command(photos, output, "--task", "jnd")) == 0
    builder = tfds.builder_from_directory(output)
    assert {"p0", "p1", "same", "p1_type"} <= set(builder.info.features)
    assert "ref" not in builder.info.features


def test_a_task_that_is_done_twice_reports_the_same(photos, tmp_path, made):
    photograph = Photograph(DIGESTS[0], "0l.png", str(photos / "0l.png"))
    shard = Shard(
        path=str(tmp_path / "x.tfrecord"),
        file_format="tfrecord",
        features=make_synthetic_features("2afc"),
        photographs=(photograph,),
        indices=((0, 1, 2),),
        config=make_config(),
    )
    first = write_shard(shard)
    data = Path(shard.path).read_bytes()
    assert write_shard(shard) == first
    assert Path(shard.path).read_bytes() == data
    assert first["triplets"] == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--families", "medical"], "invalid choice 'medical'"),
        (["--families", "cnn"], "needs --bank; .*pipelines.train_networks"),
        (["--judge", "me"], "--judge must be one of"),
        (["--triplets", "0"], "'0' is not an integer of at least 1"),
        (["--val-share", "2"], r"--val-share must be in \[0, 1\]"),
        (["--strong", "1"], "--strong"),
        (["--", "--no_such_option=1"], "Beam has no option --no_such_option"),
        (["--", "--direct_running_mode=multi_threading"], "not supported"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_errors_name_the_flag(flags, message, photos, tmp_path, capsys):
    try:
        status = main(command(photos, tmp_path / "x", *flags))
    except SystemExit as error:
        status = error.code
    assert status in (1, 2)
    error = capsys.readouterr().err
    assert re.search(message, " ".join(error.split()))
    assert "Traceback" not in error


def test_odd_photographs_are_counted_and_named(photos, tmp_path, capsys):
    odd = tmp_path / "odd"
    odd.mkdir()
    whole = Image.fromarray(data.astronaut())
    whole.save(odd / "whole.png")
    whole.save(odd / "again.webp", lossless=True)
    whole.crop((0, 0, 300, 300)).convert("RGBA").save(odd / "alpha.png")
    lying = Image.Exif()
    lying[0x0112] = 6
    whole.crop((0, 0, 300, 200)).save(odd / "lying.jpg", exif=lying)
    whole.convert("L").save(odd / "gray.png")
    whole.resize((40, 50)).save(odd / "tiny.png")
    encoded = (odd / "whole.png").read_bytes()
    (odd / "cut.png").write_bytes(encoded[:5000])
    (odd / "empty.png").write_bytes(b"")
    output = tmp_path / "data"
    assert main(command(odd, output)) == 0
    said = capsys.readouterr().out
    manifest = json.loads((output / "manifest.json").read_text())
    refused = manifest["skipped_photographs"]
    used = {x["name"] for x in manifest["photographs"]}
    # Of equal pixels, the one whose file's digest is less is used.
    twice = {"whole.png", "again.webp"}
    (kept,), (left,) = twice & used, twice - used
    assert refused.pop(left) == f"shows the same pixels as {kept}"
    assert f"skipped: {left} shows the same pixels as {kept}" in said
    assert set(refused) == {"gray.png", "tiny.png", "cut.png", "empty.png"}
    assert used == {kept, "alpha.png", "lying.jpg"}
    for name, reason in refused.items():
        assert f"skipped: {name} {reason}" in said
    assert "of 3 photographs (5 skipped)" in said


@pytest.mark.parametrize(
    ("name", "share", "said"),
    [
        ("0l.png", 0.001, "There is no val data: by chance none of the 1 pho"),
        ("0l.png", 0.999, "There is no train data: by chance none of the 1 p"),
        ("0l.png", 0, ""),
        ("*.png", 0.2, ""),
    ],
)
def test_a_part_that_chance_leaves_empty_is_named(
    name, share, said, photos, tmp_path, caplog
):
    argv = command(photos / name, tmp_path / "x", "--val-share", str(share))
    assert main(argv) == 0
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


def test_a_photograph_is_turned_as_its_orientation_says():
    image = data.astronaut()[:200, :300]
    lying = Image.Exif()
    lying[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", exif=lying)
    np.testing.assert_array_equal(
        read_photograph(file.getvalue()), np.rot90(image, -1)
    )


def test_no_folder_no_files_and_no_photograph_have_their_own_errors(
    tmp_path, capsys
):
    def refused(where):
        assert main(command(where, tmp_path / "x")) == 1
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1
        assert not list(tmp_path.glob("x*/*.tfrecord*"))
        return error

    nowhere = tmp_path / "nodir"
    assert f"{nowhere}: there is no such folder" in refused(nowhere)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert f"{nothing}: there are no files" in refused(nothing)
    assert "there are no files" in refused(f"{nothing}/*.png")
    (nothing / "note.txt").write_text("no photograph")
    assert "no photograph can be used: note.txt is not an image" in refused(
        nothing
    )


def test_an_output_that_is_there_is_left_alone(photos, tmp_path, capsys):
    output = tmp_path / "mine"
    output.mkdir()
    (output / "precious").write_text("x")
    assert main(command(photos, output)) == 1
    assert "exists already" in capsys.readouterr().err
    assert files_of(output) == {"precious": b"x"}


def test_a_full_disk_is_one_sentence_and_room_lets_it_go_on(
    photos, tmp_path, small_disk, capsys
):
    output = small_disk / "data"
    argv = command(photos, output, "--triplets", "200")
    assert main(argv) == 1
    error = capsys.readouterr().err
    assert error.startswith("pipelines.synthesize: ")
    assert "No space left on device" in error
    assert len(error.splitlines()) == 1
    assert not output.exists()
    grow = ["mount", "-o", "remount,size=64m", str(small_disk)]
    subprocess.run(grow, check=True)
    assert main(argv) == 0
    elsewhere = tmp_path / "elsewhere"
    assert main(command(photos, elsewhere, "--triplets", "200")) == 0
    assert files_of(output) == files_of(elsewhere)


def start(argv):
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.synthesize", *argv],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run(argv):
    assert start(argv).wait() == 0
