import sys

import numpy as np
import pytest
from PIL import Image, ImageFilter

from keras_lpips import LPIPS, ImageError, distance
from keras_lpips.inference.scorer import get_scorer

RELATIVE = 1e-5


@pytest.fixture
def pair(photo, backbone):
    backbone("alex")
    image = Image.fromarray(photo)
    return photo, np.asarray(image.filter(ImageFilter.GaussianBlur(2)))


def signed_unit(pixels, dtype=np.float32):
    return (pixels / np.float64(127.5) - 1).astype(dtype)


@pytest.fixture
def expected(pair):
    reference, distorted = (signed_unit(pixels)[None] for pixels in pair)
    return float(LPIPS(net="alex")(reference, distorted)[0])


def test_files_pil_images_and_uint8_arrays_agree(tmp_path, pair, expected):
    for name, pixels in zip("ab", pair, strict=True):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    paths = tmp_path / "a.png", tmp_path / "b.png"
    images = [Image.fromarray(pixels) for pixels in pair]
    for given in (paths, [str(path) for path in paths], images, pair):
        found = distance(*given)
        assert isinstance(found, float)
        assert found == pytest.approx(expected, rel=RELATIVE)
    mixed = distance(paths[0], signed_unit(pair[1]))
    assert mixed == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize("value_range", [None, (-1, 1), [0, 1], (0.0, 255.0)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_any_precision_and_range_agree(
    pair, expected, value_range, dtype
):
    lowest, highest = value_range or (-1, 1)
    scale = np.float64(highest - lowest) / 255
    arrays = [(x * scale + lowest).astype(dtype) for x in pair]
    found = distance(*arrays, value_range=value_range)
    relative = 2e-2 if dtype == np.float16 else 1e-4
    assert found == pytest.approx(expected, rel=relative)


def test_a_range_that_float16_does_not_hold_is_no_trouble(pair):
    dark = [x.astype(np.float16) for x in pair]
    found = distance(*dark, value_range=(0, 65535))
    same = distance(
        *(x.astype(np.float64) for x in pair), value_range=(0, 65535)
    )
    assert found == pytest.approx(same, rel=RELATIVE)


def test_value_range_may_be_an_array(pair, expected):
    arrays = [x / 255 for x in pair]
    found = distance(*arrays, value_range=np.array([0, 1]))
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_batch_or_list_gives_one_distance_each(pair, expected):
    reference, distorted = pair
    batch = np.stack([distorted, reference, distorted])
    for given in (batch, list(batch), tuple(map(Image.fromarray, batch))):
        found = distance([reference] * 3, given)
        assert found.shape == (3,) and found.dtype == np.float32
        np.testing.assert_allclose(found, [expected, 0, expected], RELATIVE)
    alone = distance(reference[None], distorted[None])
    assert alone.shape == (1,)


def test_a_list_may_mix_files_bytes_and_floats(pair, expected):
    reference, distorted = pair
    mixed = [distorted, signed_unit(distorted), Image.fromarray(distorted)]
    found = distance([reference] * 3, mixed)
    np.testing.assert_allclose(found, [expected] * 3, RELATIVE)


def test_gray_is_repeated_whether_or_not_it_has_a_channel(pair):
    gray = [x[..., 0] for x in pair]
    thrice = [np.repeat(x[..., None], 3, axis=-1) for x in gray]
    expected = distance(*thrice)
    assert distance(*gray) == expected
    assert distance(*(x[..., None] for x in gray)) == expected
    assert distance(gray[0], thrice[1]) == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_alpha_of_arrays_is_dropped_as_in_files(pair, expected, dtype):
    alpha = np.full((64, 96, 1), 7, np.uint8)
    with_alpha = [np.concatenate([x, alpha], -1).astype(dtype) for x in pair]
    found = distance(*with_alpha, value_range=(0, 255))
    assert found == pytest.approx(expected, rel=RELATIVE)
    gray = [x[..., :2] for x in with_alpha]
    without = distance(*(x[..., 0] for x in gray), value_range=(0, 255))
    assert distance(*gray, value_range=(0, 255)) == without


def test_a_long_list_runs_in_batches_and_gives_the_same_numbers(
    pair, monkeypatch
):
    score, sizes = get_scorer("alex"), []
    run = score.distance
    monkeypatch.setattr(
        score, "distance", lambda a, b: (sizes.append(len(a)), run(a, b))[1]
    )
    references = [pair[0]] * 7
    distorted = [np.roll(pair[1], i, axis=1) for i in range(7)]
    whole = distance(references, distorted)
    assert sizes == [7]
    module = sys.modules["keras_lpips.inference.distance"]
    monkeypatch.setattr(module, "BATCH_PIXELS", 3 * 64 * 96)
    np.testing.assert_allclose(
        distance(references, distorted), whole, rtol=1e-6
    )
    assert sizes[1:] == [3, 3, 1]


def test_identical_images_have_zero_distance(pair):
    assert distance(pair[0], pair[0]) == 0
    assert distance(pair[0], Image.fromarray(pair[0])) == 0


def test_files_are_resized_when_asked(tmp_path, pair):
    Image.fromarray(pair[0]).save(tmp_path / "a.png")
    Image.fromarray(pair[1][:40]).save(tmp_path / "b.png")
    paths = tmp_path / "a.png", tmp_path / "b.png"
    with pytest.raises(ImageError, match=r"\(64, 96, 3\) and one .*\(40, 96"):
        distance(*paths)
    sizes = [Image.fromarray(x).resize((48, 32), 2) for x in pair]
    sizes[1] = Image.open(paths[1]).resize((48, 32), 2)
    assert distance(*paths, resize=(32, 48)) == distance(*sizes)


def test_a_mask_may_be_an_array_a_file_or_a_pil_image(pair, tmp_path, backbone):
    reference, distorted = pair
    inside = np.zeros(reference.shape[:2], bool)
    inside[5:40, 30:] = True
    layer = LPIPS(backbone("alex"), value_range=(0, 255))
    expected = float(layer(*(x[None] for x in pair), mask=inside[None])[0])
    image = Image.fromarray(np.uint8(inside) * 255)
    image.save(tmp_path / "mask.png")
    image.convert("1").save(tmp_path / "bits.png")
    for mask in (
        inside,
        inside.astype(np.float16),
        image,
        tmp_path / "mask.png",
        tmp_path / "bits.png",
    ):
        found = distance(*pair, mask=mask)
        assert found == pytest.approx(expected, rel=1e-5)
    changed = np.where(inside[..., None], distorted, 7)
    assert distance(reference, np.uint8(changed), mask=inside) == found
    tiled = distance(*pair, mask=inside, tile=177)
    assert tiled == pytest.approx(expected, rel=1e-5)
    batch = [np.stack([x] * 2) for x in pair]
    two = np.stack([inside, np.ones_like(inside)])
    for masks in (two, list(two), [tmp_path / "mask.png", two[1]]):
        found = distance(*batch, mask=masks)
        assert found.tolist() == pytest.approx(
            [expected, distance(*pair)], rel=1e-5
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda mask: mask * 0, "at least one pixel above 0"),
        (lambda mask: np.uint8(mask) * 255, "weights in .0, 1."),
        (lambda mask: mask * 1.5, "weights in .0, 1."),
        (lambda mask: mask[1:], "the size of the images"),
        (lambda mask: mask[None], "the size of the images"),
        (lambda mask: mask.astype(str), "bools, or weights"),
        (lambda mask: Image.fromarray(np.uint8(mask)), "brightest pixel is 1"),
        (
            lambda mask: Image.fromarray(
                np.uint8(mask)[..., None] * np.uint8([9, 0, 0])
            ),
            "must be gray",
        ),
    ],
)
def test_an_invalid_mask_is_rejected(photo, backbone, change, message):
    backbone("alex")
    mask = np.ones(photo.shape[:2], bool)
    with pytest.raises(ImageError, match=message):
        distance(photo, photo, mask=change(mask))


def test_the_unit_range_without_value_range_warns_the_caller(pair):
    unit = pair[0] / 255
    for given in ((unit, pair[1] / 255), (unit, pair[1]), (pair[1], unit)):
        with pytest.warns(
            UserWarning, match=r"pass `value_range=\(0, 1\)`"
        ) as w:
            distance(*given)
        assert w[0].filename == __file__
    distance(unit, pair[1] / 255, value_range=(0, 1))  # Warnings are errors.
    distance(*pair)


def test_unit_images_in_the_range_of_bytes_warn_the_caller(pair):
    unit = [x / 255 for x in pair]
    for given in (unit, [unit[0], pair[1]]):
        with pytest.warns(UserWarning, match="No value is above 1") as caught:
            distance(*given, value_range=(0, 255))
        assert caught[0].filename == __file__
    # Warnings are errors, and these are plausible.
    distance(*(x.astype(np.float32) for x in pair), value_range=(0, 255))
    distance(*np.zeros((2, 64, 64, 3)), value_range=(0, 255))
    distance(*np.ones((2, 64, 64, 3)), value_range=(0, 255))
    distance(*(np.minimum(x, 1.0) for x in pair), value_range=(0, 255))


def test_rounding_beyond_the_range_is_tolerated_and_more_is_not(pair):
    image = signed_unit(pair[0])
    image[0, 0] = 1.0000001, -1.0000001, 1.001
    distance(image, pair[1])
    image[0, 0] = 1.1
    with pytest.raises(ImageError, match=r"\[-1, 1\].*to 1.1"):
        distance(image, pair[1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_rejected(pair, value):
    image = signed_unit(pair[0])
    image[3, 3, 1] = value
    with pytest.raises(ImageError, match="`distorted` must be in"):
        distance(pair[0], image)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((64, 96, 5), np.uint8), "1 to 4.*shape=.64, 96, 5"),
        (np.zeros((64,), np.uint8), "shape=.64,"),
        (np.zeros((2, 2, 64, 96, 3), np.uint8), "shape=.2, 2, 64"),
        (np.zeros((64, 96, 3), np.int64), "uint8 or float.*dtype=int64"),
        (np.zeros((64, 96, 3), bool), "uint8 or float.*dtype=bool"),
        (np.zeros((64, 96, 3), complex), "dtype=complex128"),
        (np.zeros((0, 64, 96, 3), np.uint8), "at least one image"),
        ([], "images of one size"),
        ([np.zeros((64, 96), np.uint8)] * 2, "same number of images"),
        (np.zeros((1, 64, 96, 3), np.uint8), "one image .*and .1, 64"),
        (np.zeros((63, 96, 3), np.uint8), "of one size.*63, 96"),
        (None, "shape=()"),
        ("none.png", "none.png does not exist"),
    ],
)
def test_what_is_no_such_image_is_rejected(photo, backbone, images, message):
    backbone("alex")
    with pytest.raises(ImageError, match=message):
        distance(photo, images)


def test_images_too_small_for_the_net_are_rejected(photo, backbone):
    backbone("alex")
    with pytest.raises(ImageError, match="at least 31 pixels"):
        distance(photo[:30], photo[:30])


@pytest.mark.parametrize("value_range", [(), (1, 0), (0, np.nan), 1, (0, 1, 2)])
def test_an_invalid_value_range_is_rejected_for_every_kind_of_image(
    photo, value_range
):
    with pytest.raises(ValueError, match="`value_range` must be two finite"):
        distance(photo, photo, value_range=value_range)


def test_unknown_nets_and_versions_are_rejected(photo):
    with pytest.raises(ValueError, match="`net` must be one of"):
        distance(photo, photo, net="resnet")
    with pytest.raises(ValueError, match="`version` must be one of"):
        distance(photo, photo, version="0.2")
