"""The bank of small networks: settings, training, saving, application."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from keras_lpips.baselines import l2
from keras_lpips.layers.normalization import to_signed_unit
from keras_lpips_cli.errors import UserError
from pipelines.networks import corruption, model_bank, training
from pipelines.networks.generator import make_discriminator, make_generator
from pipelines.networks.settings import CORRUPTIONS, RESTORERS, sample_settings
from pipelines.synthesize import main as synthesize
from pipelines.train_networks import main as train_networks

PAPERS_BANK = [sample_settings(0, number) for number in range(96)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "chelsea", "coffee"):
        image = Image.fromarray(getattr(data, name)())
        image.resize((160, 120)).save(folder / f"{name}.png")
    return folder


def simple(**changes):
    """A network of one layer that learns by l1 alone."""
    settings = sample_settings(0, 0)
    return dataclasses.replace(
        settings,
        **{
            "layers": 1,
            "skips": 1,
            "dropout_layers": 0,
            "normalization": "none",
            "first_stride": 1,
            "l1_weight": 1.0,
            "vgg_weight": 0.0,
            "adversarial_weight": 0.0,
            "learning_rate": 2e-3,
            **changes,
        },
    )


def test_a_bank_of_96_has_every_choice_and_no_network_twice():
    assert len(set(PAPERS_BANK)) == 96
    for name, choices in (
        ("corruption", 5),
        ("layers", 3),
        ("upsampling", 3),
        ("normalization", 3),
        ("first_stride", 2),
        ("discriminator_layers", 3),
        ("adversarial_weight", 3),
        ("learning_rate", 3),
    ):
        assert len({getattr(x, name) for x in PAPERS_BANK}) == choices, name
    assert all(x.l1_weight or x.vgg_weight for x in PAPERS_BANK)


def test_settings_do_not_depend_on_how_many_are_drawn():
    assert sample_settings(0, 17) == PAPERS_BANK[17]
    assert sample_settings(1, 17) != PAPERS_BANK[17]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5])
def test_generators_keep_the_size_and_range(number):
    settings = PAPERS_BANK[number]
    side = 2 * settings.multiple
    images = np.random.default_rng(0).uniform(-1, 1, (2, side, side, 3))
    output = np.asarray(make_generator(settings)(images.astype(np.float32)))
    assert output.shape == images.shape
    assert np.abs(output).max() <= 1
    answer = make_discriminator(settings)(images.astype(np.float32))
    assert answer.shape[-1] == 1


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_keep_the_shape(name, patches, generator):
    corrupted = corruption.corrupt(patches[0][:50], name, generator)
    assert corrupted.dtype == np.uint8
    assert corrupted.shape == (50, 64, 3)
    same = (corrupted == patches[0][:50]).all()
    assert same == (name == "none")


@pytest.mark.parametrize("name", RESTORERS)
def test_restorers_are_distortions_of_any_size(name, patches, generator):
    settings = RESTORERS[name]
    kind = model_bank.as_distortion(name, settings, make_generator(settings))
    result = kind(patches[0][:50, :45], 0.7, generator)
    assert result.shape == (50, 45, 3)
    assert kind.group in ("superres", "color")


def test_training_lowers_the_loss(patches):
    def patch(generator):
        return patches[generator.integers(len(patches))]

    settings = simple(corruption="downsampling")
    _, begun = training.train(settings, patch, steps=1, seed=0)
    _, ended = training.train(settings, patch, steps=30, seed=0)
    assert ended["l1"] < 0.6 * begun["l1"]


def test_every_loss_reaches_the_generator(patches, backbone):
    backbone("vgg")
    for changes in (
        {"l1_weight": 0.0, "vgg_weight": 1.0},
        {"l1_weight": 0.0, "adversarial_weight": 0.1},
    ):
        model = training.Restoration(simple(**changes))
        before = [np.asarray(x) for x in model.generator.trainable_weights]
        batch = to_signed_unit(patches[:2])
        model.train_on_batch(batch, batch)
        after = [np.asarray(x) for x in model.generator.trainable_weights]
        moved = [(x != y).any() for x, y in zip(before, after, strict=True)]
        assert all(moved)
        trained = {x.path for x in model.generator.trainable_weights}
        if model.vgg is not None:
            assert not model.vgg.trainable_weights
        assert trained


def test_a_saved_network_does_the_same(tmp_path, patches):
    settings = simple(normalization="batch", corruption="pink_noise")
    keras.utils.set_random_seed(0)
    generator = make_generator(settings)
    model_bank.save_network(
        tmp_path, "cnn_003", settings, generator, {"steps": 0}
    )
    (loaded,) = model_bank.load_bank(tmp_path)
    assert (loaded.name, loaded.group) == ("cnn_003", "cnn")
    original = model_bank.as_distortion("cnn_003", settings, generator)
    results = [
        kind(patches[0][:37, :50], 0.8, np.random.default_rng(1))
        for kind in (original, loaded)
    ]
    np.testing.assert_array_equal(*results)
    assert results[0].shape == (37, 50, 3)
    errors = [
        l2(patches[0], loaded(patches[0], x, np.random.default_rng(1)))
        for x in (0.0, 0.3, 1.0)
    ]
    assert errors[0] == 0
    assert errors == sorted(errors)


def test_a_bank_that_does_not_fit_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no networks"):
        model_bank.load_bank(tmp_path)
    settings = simple()
    model_bank.save_network(
        tmp_path, "x", settings, make_generator(settings), {}
    )
    path = tmp_path / "x.json"
    record = json.loads(path.read_text())
    record["settings"]["layers"] = 2
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="the weights do not fit"):
        model_bank.load_bank(tmp_path)
    path.write_text("{}")
    with pytest.raises(UserError, match="is no network"):
        model_bank.load_bank(tmp_path)
    path.write_bytes(b"\xff")
    with pytest.raises(UserError, match="x.json is damaged"):
        model_bank.load_bank(tmp_path)


@pytest.mark.parametrize("cut", [None, 0, 20], ids=["missing", "empty", "cut"])
def test_a_network_with_damaged_weights_is_not_saved(cut, tmp_path):
    settings = simple()
    network = (tmp_path, "x", settings, make_generator(settings), {})
    assert not model_bank.is_saved(tmp_path, "x")
    model_bank.save_network(*network)
    assert model_bank.is_saved(tmp_path, "x")
    path = tmp_path / "x.npz"
    content = path.read_bytes()
    path.unlink()
    if cut is not None:
        path.write_bytes(content[:cut])
    assert not model_bank.is_saved(tmp_path, "x")
    with pytest.raises(UserError, match="x.npz is missing, or differs from"):
        model_bank.load_bank(tmp_path)
    assert [x.name for x in tmp_path.glob(".*")] == []


def test_a_bank_is_trained_continued_and_applied(
    photos, tmp_path, capsys, backbone
):
    backbone("vgg")
    folder = tmp_path / "bank"
    argv = ["--photos", str(photos), "--bank", str(folder), "--steps", "1"]
    argv += ["--restorers", "espcn"]
    assert train_networks([*argv, "--networks", "1"]) == 0
    first = (folder / "cnn_000.npz").read_bytes()
    (folder / "espcn.npz").write_bytes(b"")
    capsys.readouterr()
    assert train_networks([*argv, "--networks", "2"]) == 0
    trained = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert trained == ["cnn_001", "espcn"]
    assert (folder / "cnn_000.npz").read_bytes() == first
    output = tmp_path / "data"
    argv = ["--photos", str(photos), "--triplets", "8", "--output", str(output)]
    argv += ["--families", "cnn", "--bank", str(folder)]
    assert synthesize(argv) == 0
    manifest = json.loads((output / "manifest.json").read_text())
    assert set(manifest["patches_by_type"]) == {"cnn_000", "cnn_001"}
    groups = {kind.name: kind.group for kind in model_bank.load_bank(folder)}
    assert groups["espcn"] == "superres"
    assert len(manifest["bank_sha256"]) == 64
