"""Batches: which pairs share one, in what order, and how much waits."""

import threading

import numpy as np

from pipelines.scoring.batching import batch_by_size, read_batches
from pipelines.scoring.config import ModelConfig
from pipelines.scoring.pairs import Entry
from tests.support.fake_pairs import png


def image(size, value=0):
    return np.full((*size, 3), value, np.uint8)


def pairs_of(sizes):
    return [
        (number, (image(size, number % 100), image(size, number % 100 + 100)))
        for number, size in enumerate(sizes)
    ]


def positions(sizes, max_pixels):
    return [
        batch.positions for batch in batch_by_size(pairs_of(sizes), max_pixels)
    ]


def test_a_batch_is_full_before_it_goes():
    assert positions([(4, 4)] * 7, 3 * 16) == [(0, 1, 2), (3, 4, 5), (6,)]


def test_only_one_size_is_in_a_batch_and_the_largest_group_goes_first():
    sizes = [(4, 4), (2, 8), (4, 4), (8, 2), (4, 4)]
    assert positions(sizes, 4 * 16) == [(0, 2), (1,), (3,), (4,)]


def test_a_pair_that_is_too_large_goes_alone():
    assert positions([(2, 2), (9, 9), (2, 2)], 16) == [(0,), (1,), (2,)]


def test_what_waits_is_never_more_than_a_batch():
    generator = np.random.default_rng(0)
    sizes = [tuple(map(int, generator.integers(1, 9, 2))) for _ in range(300)]
    taken, given = [], []

    def watched():
        for position, pair in pairs_of(sizes):
            taken.append(pair[0][..., 0].size)
            yield position, pair

    for batch in batch_by_size(watched(), 200):
        given.append(batch.images[0][..., 0].size)
        # The pair that did not fit is in hand, too.
        assert sum(taken[:-1]) - sum(given[:-1]) <= 200
    assert sum(taken) == sum(given)


def test_both_sides_of_a_pair_keep_their_place():
    for batch in batch_by_size(pairs_of([(2, 2), (3, 3)] * 9), 24):
        numbers = np.array(batch.positions)[:, None, None, None]
        assert (batch.images[0] == numbers).all()
        assert (batch.images[1] == numbers + 100).all()


def test_each_invalid_pair_gets_its_sentence_and_the_others_are_read():
    good = png(image((40, 40), 7))
    pairs = [
        Entry(("a", "b"), ("a", "b"), (good, good)),
        Entry(("c", "d"), ("c.png", "d.png"), (good, good[:50])),
        Entry(("e", "f"), ("e.png", "f.png"), (good, png(image((40, 41))))),
        Entry(("g", "h"), ("/nowhere/g.png", "/nowhere/h.png")),
        Entry(("i",), error="no pair at all"),
        Entry(("j", "k"), ("j.png", "k"), (png(image((30, 40))),) * 2),
        Entry(("l", "m"), ("l", "m"), (good, good)),
    ]
    errors = {}
    batches = list(read_batches(pairs, ModelConfig(), 31, errors))
    assert [batch.positions for batch in batches] == [(0, 6)]
    assert sorted(errors) == [1, 2, 3, 4, 5]
    assert "d.png cannot be" in errors[1]
    assert "of different sizes, 40x40 and 41x40" in errors[2]
    assert errors[3] == "/nowhere/g.png does not exist"
    assert errors[4] == "no pair at all"
    assert "j.png must be at least 31 pixels" in errors[5]


def test_sizes_may_differ_where_images_are_resized():
    pair = Entry(("a",), ("a", "b"), (png(image((40, 41))), png(image((9, 9)))))
    (batch,) = read_batches([pair], ModelConfig(resize=(32, 33)), 31, {})
    assert [x.shape for x in batch.images] == [(1, 32, 33, 3)] * 2


def test_no_thread_is_left_when_a_reader_stops_early():
    before = threading.active_count()
    good = png(image((40, 40)))
    pairs = [Entry(("a",), ("a", "b"), (good, good)) for _ in range(500)]
    batches = read_batches(pairs, ModelConfig(batch_pixels=1600), 31, {})
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_a_model_of_one_thread_is_not_read_ahead_of():
    good, bad = png(image((40, 40))), b"no image"
    pairs = [
        Entry((name,), (name, name), (data, data))
        for name, data in (("a", good), ("b", good), ("c", bad))
    ]
    errors = {}
    config = ModelConfig(batch_pixels=1600, threads=1)
    batches = read_batches(pairs, config, 31, errors)
    # The second pair ends the first batch; nobody has looked at the third.
    assert next(batches).positions == (0,)
    assert not errors
    assert [batch.positions for batch in batches] == [(1,)]
    assert sorted(errors) == [2]
