import gzip
import json
import os
import tarfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions

from tests.support.fake_bapps import (
    files,
    npy,
    png,
    share,
    write_tar,
    write_tree,
)
from tfds_bapps import Builder, PreparationError
from tfds_bapps.source import published

COUNTS = {"val/cnn": 7, "val/color": 3, "train/mix": 4}


def records(builder):
    return {
        path.name: path.read_bytes()
        for path in builder.data_path.glob("*tfrecord*")
    }


def manifest(builder):
    return json.loads((builder.data_path / "manifest.json").read_text())


def test_every_triplet_is_read_back_unchanged(tmp_path, prepare):
    made = files(COUNTS)
    builder = prepare(write_tree(tmp_path / "tree", made))
    assert set(builder.info.splits) == {"val_cnn", "val_color", "train_mix"}
    decoders = dict.fromkeys(("ref", "p0", "p1"), tfds.decode.SkipDecoding())
    for place, count in COUNTS.items():
        dataset = tfds.load(
            "bapps/twoafc",
            split=place.replace("/", "_"),
            data_dir=tmp_path / "data",
            download=False,
            decoders=decoders,
        )
        examples = list(dataset.as_numpy_iterator())
        names = [f"{i:06}".encode() for i in range(count)]
        assert [example["id"] for example in examples] == names
        for i, example in enumerate(examples):
            for role in ("ref", "p0", "p1"):
                file = f"2afc/{place}/{role}/{i:06}.png"
                assert example[role] == made[file]
            judge = made[f"2afc/{place}/judge/{i:06}.npy"]
            assert example["judge"].dtype == np.float32
            assert share(example["judge"]) == judge
            assert example["subset"].decode() == place.split("/")[1]


def test_trees_and_archives_give_the_same_records(tmp_path, prepare):
    made = files(COUNTS)
    tree = prepare(write_tree(tmp_path / "tree", made), to="tree_data")
    # Without the task's folder and in another order, as an archive may be.
    flat = {name.removeprefix("2afc/"): made[name] for name in reversed(made)}
    tar = prepare(write_tar(tmp_path / "mine.tar", flat), to="tar_data")
    packed = write_tar(tmp_path / "mine.tar.gz", flat, mode="w:gz")
    gz = prepare(packed, to="gz_data")
    assert records(tree) == records(tar) == records(gz)
    assert len(records(tar)) == 3
    assert manifest(tree)["splits"] == manifest(gz)["splits"]
    assert not list(gz.data_path.glob("*plain*"))


def test_beam_writes_the_same_bytes_in_either_format(tmp_path, prepare):
    tree = write_tree(tmp_path / "tree", files({"val/cnn": 5, "val/color": 2}))
    for file_format in ("tfrecord", "array_record"):
        with_beam, without = (
            prepare(
                tree,
                to=f"{file_format}_{bool(options)}",
                file_format=file_format,
                download={"num_shards": 2, "beam_options": options},
            )
            for options in (PipelineOptions([]), None)
        )
        written = {
            path.name: path.read_bytes()
            for path in with_beam.data_path.iterdir()
        }
        assert len(written) == 7
        for name, data in written.items():
            assert (without.data_path / name).read_bytes() == data


def test_the_iterators_of_shards_yield_every_triplet(tmp_path):
    tree = write_tree(tmp_path / "tree", files({"val/cnn": 3}))
    builder = Builder(config="twoafc", data_dir=tmp_path / "data", source=tree)
    # TFDS's interface, called without a download manager.
    splits = builder._shard_iterators_per_split(None)
    ids = [
        (split, key, example["id"])
        for split, iterators in splits.items()
        for iterator in iterators
        for key, example in iterator()
    ]
    assert ids == [("val_cnn", i, f"{i:06}") for i in range(3)]


def test_several_archives_in_a_folder_are_one_source(tmp_path, prepare):
    folder = tmp_path / "archives"
    folder.mkdir()
    write_tar(folder / "a_val.tar", files({"val/cnn": 2}))
    write_tar(folder / "b_val.tar", files({"val/color": 2}))
    builder = prepare(folder)
    assert set(builder.info.splits) == {"val_cnn", "val_color"}


def test_a_split_in_two_archives_is_an_error(tmp_path, prepare, nothing_made):
    folder = tmp_path / "archives"
    folder.mkdir()
    for name in "ab":
        write_tar(folder / f"{name}.tar", files({"val/cnn": 2}))
    with pytest.raises(PreparationError, match="val_cnn is both in"):
        prepare(folder)
    nothing_made()


def test_a_subset_can_be_chosen(tmp_path, prepare):
    tree = write_tree(tmp_path / "tree", files(COUNTS))
    val = prepare(tree, subset="val", to="val")
    assert set(val.info.splits) == {"val_cnn", "val_color"}
    mix = prepare(tree, subset=["mix", "val_color"], to="mix")
    assert set(mix.info.splits) == {"train_mix", "val_color"}
    with pytest.raises(PreparationError, match="2afc triplets of nope; its"):
        prepare(tree, subset="nope", to="nope")


def test_own_judgements_may_have_another_number_of_votes(tmp_path, prepare):
    made = files({"train/sharpen": 2})
    made["2afc/train/sharpen/judge/000001.npy"] = share(1 / 7)
    tree = write_tree(tmp_path / "tree", made)
    with pytest.raises(PreparationError, match="not a multiple of 1/2"):
        prepare(tree)
    assert manifest(prepare(tree, votes=7, to="7"))["splits"]["train_sharpen"][
        "judgements"
    ] == [1, 1, 0, 0, 0, 0, 0, 0]
    any_share = manifest(prepare(tree, votes=0, to="any"))
    entry = any_share["splits"]["train_sharpen"]
    assert entry["judgements"] == [1, 1] + [0] * 8
    assert entry["votes"] is None


def test_shards_hold_the_triplets_in_order(tmp_path, prepare):
    tree = write_tree(tmp_path / "tree", files({"val/cnn": 11}))
    builder = prepare(tree, download={"num_shards": 4})
    assert builder.info.splits["val_cnn"].shard_lengths == [2, 3, 3, 3]
    dataset = builder.as_dataset(split="val_cnn").as_numpy_iterator()
    assert [int(example["id"]) for example in dataset] == list(range(11))


ANSWER = "2afc/val/cnn/judge/000002.npy"
PATCH = "2afc/val/cnn/p1/000002.png"
BAD_FILES = {
    "pickled judge": (ANSWER, npy(np.array([None], object))),
    "judge between the votes": (ANSWER, share(0.3)),
    "missing judge": (ANSWER, None),
    "patch cut off": (PATCH, png()[:-20]),
    "missing patch": (PATCH, None),
}


@pytest.mark.parametrize("bad", BAD_FILES)
@pytest.mark.parametrize("kind", ["tree", "tar"])
def test_an_invalid_file_is_named_and_nothing_is_prepared(
    tmp_path, prepare, nothing_made, kind, bad
):
    name, data = BAD_FILES[bad]
    made = files({"val/cnn": 4, "val/color": 1})
    made.pop(name)
    if data is not None:
        made[name] = data
    if kind == "tree":
        source = write_tree(tmp_path / "tree", made)
    else:
        source = write_tar(tmp_path / "mine.tar", made)
    with pytest.raises(PreparationError) as raised:
        prepare(source)
    first, line = str(raised.value).split("\n")
    assert first == "1 invalid triplets or members, 0 tolerated:"
    assert name.removeprefix("2afc/val/cnn/") in line
    assert str(source) in line
    nothing_made()

    builder = prepare(source, tolerate=1)
    assert builder.info.splits["val_cnn"].num_examples == 3
    (skipped,) = manifest(builder)["skipped_triplets"]
    assert skipped["triplet"] == "val_cnn/000002"
    assert skipped["reason"] in line
    examples = builder.as_dataset(split="val_cnn").as_numpy_iterator()
    assert [int(example["id"]) for example in examples] == [0, 1, 3]


def test_all_invalid_files_are_listed_before_failing(tmp_path, prepare):
    made = files({"val/cnn": 40, "val/color": 5})
    bad = [f"2afc/val/cnn/p0/{i:06}.png" for i in range(0, 40, 3)]
    made |= dict.fromkeys(bad, b"junk")
    made["2afc/val/color/judge/000001.npy"] = b""
    del made["2afc/val/color/ref/000004.png"]
    source = write_tree(tmp_path / "tree", made)
    with pytest.raises(PreparationError) as raised:
        prepare(source, tolerate=15, download={"num_shards": 3})
    lines = str(raised.value).split("\n")
    assert lines[0].startswith("16 invalid triplets")
    assert len(lines) == 17
    for name in bad:
        assert any(name.removeprefix("2afc/val/cnn/") in x for x in lines)
    prepare(source, tolerate=16)


def test_a_split_without_valid_triplets_is_an_error(
    tmp_path, prepare, nothing_made
):
    made = files({"val/cnn": 2, "val/color": 2})
    made |= {name: b"" for name in made if "cnn/p0" in name}
    source = write_tree(tmp_path / "tree", made)
    with pytest.raises(PreparationError, match="every triplet in split"):
        prepare(source, tolerate=2)
    nothing_made()


def test_a_name_that_exists_twice_in_an_archive_is_an_error(tmp_path, prepare):
    made = files({"val/cnn": 3})
    twice = {f"./{name}": data for name, data in made.items() if "ref" in name}
    source = write_tar(tmp_path / "mine.tar", made | twice)
    with pytest.raises(PreparationError) as raised:
        prepare(source)
    assert str(raised.value).count("exists twice") == 3


def test_links_and_names_outside_the_archive_are_errors(
    tmp_path, prepare, nothing_made
):
    made = files({"val/cnn": 3})
    made["../2afc/val/cnn/ref/000009.png"] = png()
    made["/2afc/val/cnn/ref/000010.png"] = png()
    link = tarfile.TarInfo("2afc/val/cnn/ref/000011.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    source = write_tar(tmp_path / "mine.tar", made, [link])
    with pytest.raises(PreparationError) as raised:
        prepare(source)
    assert str(raised.value).count("leads out of the archive") == 2
    assert "is a link to '/etc/passwd'" in str(raised.value)
    nothing_made()
    builder = prepare(source, tolerate=3)
    assert builder.info.splits["val_cnn"].num_examples == 3
    assert len(manifest(builder)["skipped_triplets"]) == 3
    assert not (tmp_path.parent / "2afc").exists()


@pytest.mark.parametrize("kind", ["tar", "gz"])
def test_an_archive_that_is_cut_off_is_rejected(
    tmp_path, prepare, nothing_made, kind
):
    source = write_tar(tmp_path / "mine.tar", files({"val/cnn": 9}))
    data = source.read_bytes()
    if kind == "gz":
        data = gzip.compress(data)
    source.write_bytes(data[: len(data) // 2])
    with pytest.raises(PreparationError, match=r"mine\.tar is (cut|not)"):
        prepare(source, tolerate=1000)
    nothing_made()


def test_a_gzip_file_with_a_wrong_checksum_is_rejected(tmp_path, prepare):
    source = write_tar(tmp_path / "mine.tar", files({"val/cnn": 2}))
    data = bytearray(gzip.compress(source.read_bytes()))
    data[-6] ^= 1
    source.write_bytes(data)
    with pytest.raises(PreparationError, match="not a complete gzip file"):
        prepare(source)


def test_a_folder_that_cannot_be_read_is_named(tmp_path, prepare, nothing_made):
    tree = write_tree(tmp_path / "tree", files({"val/cnn": 2}))
    closed = tree / "2afc/val/cnn/p0"
    closed.chmod(0)
    as_root = os.geteuid() == 0
    if as_root:
        # Below /tmp, whose own mode stays.
        for folder in (tmp_path, *tmp_path.parents[:-2]):
            folder.chmod(0o777)
        os.seteuid(65534)  # "nobody": modes do not bind root.
    try:
        with pytest.raises(PreparationError) as raised:
            prepare(tree)
    finally:
        if as_root:
            os.seteuid(0)
        closed.chmod(0o755)
    expected = f"the folder {closed} cannot be read: Permission denied."
    assert str(raised.value) == expected
    nothing_made()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("2afc/cnn", "is in none of the folders train, val, test"),
        ("2afc/val/my-own", "letters, digits and underscores"),
        ("notes", "holds no 2afc triplets: files must be in 2afc/"),
    ],
)
def test_the_error_for_another_layout_shows_the_right_one(
    tmp_path, prepare, place, message
):
    made = {f"{place}/{role}/1.png": png() for role in ("ref", "p0", "p1")}
    if place == "notes":
        made = {"notes/readme.txt": b"", "notes/photo.png": png()}
    with pytest.raises(PreparationError, match=message):
        prepare(write_tree(tmp_path / "tree", made))


def test_an_official_archive_must_have_the_published_counts(
    tmp_path, prepare, nothing_made, monkeypatch
):
    source = write_tar(
        tmp_path / "twoafc_val.tar", files({"val/cnn": 4, "val/color": 2})
    )
    with pytest.raises(PreparationError) as raised:
        prepare(source)
    assert "val_cnn has 4 triplets, 4720 are published" in str(raised.value)
    assert "val_deblur has 0 triplets, 9440" in str(raised.value)
    nothing_made()
    counts = {"2afc": {"val_cnn": 4, "val_color": 2}, "jnd": {}}
    monkeypatch.setattr(published, "COUNTS", counts)
    assert prepare(source).info.splits.total_num_examples == 6


def test_the_manifest_describes_sources_and_splits(tmp_path, prepare):
    source = write_tar(
        tmp_path / "mine.tar", files(COUNTS) | {"notes.txt": b"x"}
    )
    found = manifest(prepare(source, config="twoafc_64"))
    assert len(found["sources"][0]["sha256"]) == 64
    assert found["ignored_files"] == 1
    assert found["skipped_triplets"] == []
    cnn = found["splits"]["val_cnn"]
    assert cnn["triplets_in_source"] == cnn["examples"] == 7
    assert cnn["judgements"] == [2, 1, 1, 1, 1, 1]
    assert cnn["patch_sizes"] == {"64x64": 21}
    assert "tensorflow-datasets" in found["versions"]


@pytest.mark.parametrize("wish", ["tolerate", "votes"])
def test_negative_numbers_are_rejected(tmp_path, prepare, wish):
    with pytest.raises(PreparationError, match=f"`{wish}` must not be neg"):
        prepare(tmp_path, **{wish: -1})
