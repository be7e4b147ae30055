import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_lpips.backbones.registry import BACKBONES
from tests.support.toy_backbone import TOY
from training.model.dropout_mask import make_dropout_mask
from training.model.optimizer import learning_rates
from training.model.ranking_head import RankingHead
from training.model.triplet_model import TripletModel, judge_losses
from training.recipes import describe, find_recipe, recipe_names


def batch(count=3):
    rng = np.random.default_rng(0)
    images = {
        role: rng.integers(0, 256, (count, 64, 64, 3), np.uint8)
        for role in ("ref", "p0", "p1")
    }
    return {**images, "row": np.arange(count)}


def test_the_rate_falls_after_the_sixth_epoch_as_in_the_authors_loop():
    expected = [1e-4] * 6 + [8e-5, 6e-5, 4e-5, 2e-5]
    assert learning_rates() == pytest.approx(expected)


def test_the_rate_can_fall_after_the_fifth_epoch():
    rates = learning_rates("literal")
    assert rates[:5] == pytest.approx([1e-4] * 5)
    assert all(0 < b < a for a, b in itertools.pairwise(rates[4:]))


def test_each_recipe_says_what_the_paper_got():
    pretrained = [name for name in recipe_names() if name.endswith("/lin")]
    assert {"alex/lin", "vgg/lin", "squeeze/lin"} <= set(pretrained)
    assert find_recipe("alex/lin").expected["cnn"] == 83.4
    assert find_recipe("vgg/scratch").expected["traditional"] == 77.9


def test_a_net_without_published_weights_is_trained_from_scratch(monkeypatch):
    monkeypatch.setitem(BACKBONES, "toy", TOY)
    names = [name for name in recipe_names() if name.startswith("toy/")]
    assert names == ["toy/scratch"]
    assert "the paper has no such net" in describe("toy/scratch")
    model = TripletModel(find_recipe("toy/scratch"), seed=0)
    assert len(model.lpips.heads) == len(TOY.taps)


def test_each_recipe_says_command_needs_time_and_score():
    text = describe("alex/lin-fast")
    for part in ("--recipe alex/lin-fast", "needs", "took", "cnn 83.4"):
        assert part in text


def test_the_ranking_head_is_the_references():
    head = RankingHead(seed=0)
    assert sum(np.size(w) for w in head.get_weights()) == 1281
    d0, d1 = np.float32([0.3, 0.1]), np.float32([0.2, 0.4])
    x = np.stack([d0, d1, d0 - d1, d0 / (d1 + 0.1), d1 / (d0 + 0.1)], -1)
    for layer in head.layers:
        kernel, bias = layer.get_weights()
        x = x @ kernel + bias
        if layer is not head.layers[-1]:
            x = np.where(x > 0, x, 0.2 * x)
    np.testing.assert_allclose(head(d0, d1), x[:, 0], rtol=1e-5)


def test_the_loss_is_the_cross_entropy_of_the_soft_judge():
    judge, logits = np.float32([0, 0.4, 1]), np.float32([-0.2, 1.5, 3])
    share = 1 / (1 + np.exp(-logits))
    expected = -judge * np.log(share) - (1 - judge) * np.log(1 - share)
    np.testing.assert_allclose(judge_losses(judge, logits), expected, rtol=1e-5)


def test_the_distances_are_those_of_the_layer(backbone):
    recipe = find_recipe(f"{backbone('alex')}/lin")
    model = TripletModel(recipe, seed=3)
    images = batch()
    d0, d1, _ = model(images)
    np.testing.assert_allclose(
        d0, model.lpips(images["ref"], images["p0"]), rtol=1e-5
    )
    np.testing.assert_allclose(
        d1, model.lpips(images["ref"], images["p1"]), rtol=1e-5
    )


def test_a_triplet_takes_three_passes_of_the_backbone(backbone):
    model = TripletModel(find_recipe(f"{backbone('alex')}/lin"), seed=3)
    first = model.lpips.backbone.get_layer("conv1")
    call, batches = first.call, []
    first.call = lambda images: batches.append(len(images)) or call(images)
    model(batch(), tf.constant(0, tf.int64))
    assert batches == 3 * [3]


def test_vectors_give_the_distances_of_the_images(backbone):
    recipe = find_recipe(f"{backbone('squeeze')}/lin-fast")
    model = TripletModel(recipe, seed=3)
    vectors = model.pair_vectors(batch())
    assert vectors[0].shape == (3, 2240)
    for ours, theirs in zip(
        model({"vector0": vectors[0], "vector1": vectors[1]}),
        model(batch()),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_only_heads_and_ranking_head_learn_in_lin(backbone):
    model = TripletModel(find_recipe(f"{backbone('squeeze')}/lin"), seed=0)
    names = [v.path for v in model.trainable_variables]
    assert len(names) == 7 + 6
    assert all("head" in name or "dense" in name for name in names)


def test_dropout_is_the_same_however_the_batch_is_cut():
    settings = dict(rate=0.5, seed=1, draw=3)
    step = tf.constant(7, tf.int64)

    def mask(rows, first):
        return make_dropout_mask(
            (rows, 3, 3, 64), step=step, first_row=first, **settings
        ).numpy()

    whole = mask(6, 0)
    np.testing.assert_array_equal(whole[2:], mask(4, 2))
    assert whole.mean() == pytest.approx(1, abs=0.1)
    assert set(np.unique(whole)) == {0, 2}


@pytest.mark.parametrize("jit", [False, True])
def test_dropout_is_new_at_each_step_and_for_each_tap(jit):
    @tf.function(jit_compile=jit)
    def mask(step, draw):
        first = tf.constant(0, tf.int64)
        return make_dropout_mask((2, 3, 3, 64), 0.5, 1, step, draw, first)

    masks = [
        mask(tf.constant(step, tf.int64), draw)
        for step, draw in ((0, 0), (0, 1), (1, 0))
    ]
    for i in range(3):
        assert set(np.unique(masks[i])) == {0, 2}
        assert np.mean(masks[i]) == pytest.approx(1, abs=0.1)
        same = np.mean(masks[i].numpy() == masks[i - 1].numpy())
        assert same == pytest.approx(0.5, abs=0.1)
