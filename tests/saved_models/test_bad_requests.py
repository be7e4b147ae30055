"""Requests that the graph rejects, and files that it reads."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_lpips import distance
from keras_lpips.images.reader import load_image
from saved_models.graph.encoded_images import decode, read_sizes

# Decoders differ by at most one level.
LEVEL = 1


def encode(pixels, kind="PNG", mode=None, **options):
    """The bytes of a file of uint8 pixels, or of a `PIL.Image`."""
    image = pixels
    if not isinstance(pixels, Image.Image):
        image = Image.fromarray(pixels)
    if mode:
        image = image.convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_that_claims(width, height):
    """A PNG of a few bytes whose header has any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64))]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in [*chunks, (b"IEND", b"")]:
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    return data


def jpeg_that_claims(width, height):
    """A JPEG of 64 x 64 pixels whose header has another size."""
    data = bytearray(encode(noise(64, 64), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def noise(height, width, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), np.uint8)


def photograph():
    """A smooth image of 64 x 64 pixels, which JPEG hardly changes."""
    y, x = np.mgrid[:64, :64] / 64
    waves = [np.sin(6 * x + 2 * y), np.cos(5 * y), np.sin(4 * x * y)]
    return np.uint8(127.5 + 127 * np.stack(waves, axis=-1))


GOOD = encode(photograph())
OTHER = encode(noise(64, 64))
REFUSED = {
    "text": (b"hello", "PNG or JPEG"),
    "nothing": (b"", "PNG or JPEG"),
    "animated GIF": (
        encode(
            noise(64, 64),
            "GIF",
            save_all=True,
            append_images=[Image.fromarray(noise(64, 64, 1))],
        ),
        "PNG or JPEG",
    ),
    "BMP": (encode(noise(64, 64), "BMP"), "PNG or JPEG"),
    "1 x 1 PNG": (encode(noise(1, 1)), "at least 31 pixels"),
    "1 x 1 JPEG": (encode(noise(1, 1), "JPEG"), "at least 31 pixels"),
    "20,000 x 20,000 PNG": (
        png_that_claims(20_000, 20_000),
        "at most 4194304 pixels.*20000 x 20000",
    ),
    "20,000 x 20,000 JPEG": (
        jpeg_that_claims(20_000, 20_000),
        "at most 4194304 pixels.*20000 x 20000",
    ),
    "2^31 - 1 wide PNG": (png_that_claims(2**31 - 1, 64), "at most 4194304"),
    "2^32 - 1 wide PNG": (png_that_claims(2**32 - 1, 64), "at most 4194304"),
    "PNG of 2^32 - 1 on each side": (
        png_that_claims(2**32 - 1, 2**32 - 1),
        "at most 4194304",
    ),
    "PNG cut in its header": (GOOD[:20], "header of `{role}` is damaged"),
    "PNG cut in its data": (GOOD[:-200], "`{role}` cannot be decoded"),
    "JPEG cut in its header": (
        encode(noise(64, 64), "JPEG")[:30],
        "header of `{role}` is damaged",
    ),
    "JPEG cut in its data": (
        encode(noise(64, 64), "JPEG")[:-900],
        "`{role}` cannot be decoded",
    ),
    "PNG of another size": (
        encode(noise(64, 65)),
        "one size.*64 x 6[45].*64 x 6[45]",
    ),
}
RGBA = np.dstack([photograph(), np.arange(4096).reshape(64, 64) % 256])
READ = {
    "gray PNG": encode(photograph(), mode="L"),
    "gray and alpha PNG": encode(np.uint8(RGBA), mode="LA"),
    "alpha PNG": encode(np.uint8(RGBA)),
    "palette PNG": encode(photograph(), mode="P"),
    "black and white PNG": encode(photograph(), mode="1"),
    "16-bit gray PNG": encode(
        Image.fromarray(photograph()[..., 0].astype(np.uint16) * 257)
    ),
    "JPEG": encode(photograph(), "JPEG"),
    "progressive JPEG": encode(photograph(), "JPEG", progressive=True),
    "gray JPEG": encode(photograph(), "JPEG", mode="L"),
    "CMYK JPEG": encode(photograph(), "JPEG", mode="CMYK", quality=95),
}


@pytest.fixture(scope="module")
def encoded(loaded, exported):
    model = loaded(exported("alex"))

    def call(references, distorted):
        outputs = model.signatures["encoded"](
            reference=tf.constant(references, tf.string),
            distorted=tf.constant(distorted, tf.string),
        )
        call.errors = [x.decode() for x in outputs["error"].numpy()]
        return outputs["distance"].numpy()

    call.model = model
    return call


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("role", ["reference", "distorted"])
def test_an_invalid_file_fails_its_own_pair_alone(name, role, encoded):
    file, sentence = REFUSED[name]
    bad = (file, GOOD) if role == "reference" else (GOOD, file)
    pairs = [(GOOD, GOOD), bad, (GOOD, OTHER)]
    found = encoded(*map(list, zip(*pairs, strict=True)))
    alone = encoded([GOOD], [OTHER])
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2]], [0, alone[0]], atol=1e-6)
    assert np.isnan(encoded([bad[0]], [bad[1]])[0])
    found = encoded(*map(list, zip(*pairs, strict=True)))
    assert encoded.errors[0] == encoded.errors[2] == ""
    assert re.search(sentence.format(role=role), encoded.errors[1])


@pytest.mark.parametrize("name", READ)
def test_files_are_read_as_load_image_reads_them(name, encoded):
    file = READ[name]
    expected = load_image(Image.open(io.BytesIO(file)))
    files = tf.constant([file])
    assert read_sizes(files).numpy().tolist() == [[64, 64]]
    found = decode(files, None)[0].numpy()[0]
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= LEVEL
    found = encoded([GOOD], [file])
    assert found == pytest.approx(distance(photograph(), expected), abs=2e-3)


def test_an_animated_png_gives_its_first_frame():
    frames = [Image.fromarray(noise(64, 64, seed)) for seed in (0, 1)]
    file = encode(frames[0], save_all=True, append_images=frames[1:])
    found = decode(tf.constant([file]), None)[0].numpy()[0]
    np.testing.assert_array_equal(found, noise(64, 64))


def test_the_exif_orientation_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    file = encode(noise(40, 64), exif=exif)
    assert load_image(Image.open(io.BytesIO(file))).shape == (64, 40, 3)
    assert decode(tf.constant([file]), None)[0].shape == (1, 40, 64, 3)


def test_a_batch_of_invalid_pairs_alone_is_answered(encoded):
    # The first two are found in the header, the last when it is decoded.
    found = encoded([GOOD] * 3, [b"x", b"", GOOD[:-200]])
    assert np.isnan(found).all()
    assert all(encoded.errors)


def test_a_file_that_is_damaged_in_one_chunk_leaves_the_others(encoded):
    # 300 x 300 pixels: two images to a chunk, and one in the last.
    files = [encode(noise(300, 300, seed)) for seed in range(5)]
    bad = [*files[:2], files[2][:-2000], *files[3:]]
    found = encoded(files, bad)
    assert np.isnan(found).tolist() == [False, False, True, False, False]
    np.testing.assert_allclose(found[[0, 1, 3, 4]], 0, atol=1e-6)


def test_pairs_of_different_sizes_share_a_request(encoded):
    sizes = [(64, 64), (31, 50), (64, 64), (100, 64)]
    pairs = [(noise(*size, 1), noise(*size, 2)) for size in sizes]
    found = encoded(
        *([encode(x) for x in side] for side in zip(*pairs, strict=True))
    )
    expected = [distance(*pair) for pair in pairs]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_empty_batch_is_rejected(encoded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch is empty"):
        encoded([], [])
    images = tf.zeros((0, 64, 64, 3))
    signatures = encoded.model.signatures
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch is empty"):
        signatures["distance"](reference=images, distorted=images)
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch is empty"):
        signatures["embed"](images=images)


def test_two_files_against_one_are_rejected(encoded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many files"):
        encoded([GOOD, GOOD], [GOOD])


@pytest.mark.parametrize("name", ["distance", "per_layer", "spatial", "uint8"])
def test_invalid_shapes_are_rejected_by_every_signature(name, encoded):
    signature = encoded.model.signatures[name]
    dtype = tf.uint8 if name == "uint8" else tf.float32

    def call(shape, other):
        signature(
            reference=tf.zeros(shape, dtype), distorted=tf.zeros(other, dtype)
        )

    invalid = tf.errors.InvalidArgumentError
    with pytest.raises(invalid, match="one shape"):
        call((1, 64, 64, 3), (1, 64, 65, 3))
    with pytest.raises(invalid, match="one shape"):
        call((2, 64, 64, 3), (1, 64, 64, 3))
    with pytest.raises(invalid, match="at least 31 pixels"):
        call((1, 30, 64, 3), (1, 30, 64, 3))
    with pytest.raises(invalid, match="at most 4194304 pixels"):
        call((1, 31, 140_000, 3), (1, 31, 140_000, 3))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("serving_default", "distance"),
        ("distance", "distance"),
        ("per_layer", "distance"),
        ("per_layer", "per_layer"),
        ("spatial", "spatial_map"),
        ("embed", "embedding"),
        ("preference", "preference"),
    ],
)
def test_pixels_that_are_not_finite_give_nan_and_leave_the_others(
    name, output, wrong, loaded, exported, exported_run
):
    folder = exported_run if name == "preference" else exported("alex")
    signature = loaded(folder).signatures[name]
    roles = sorted(signature.structured_input_signature[1])
    images = np.random.default_rng(4).uniform(-1, 1, (4, 40, 50, 3))
    inputs = {role: images[::-1].astype("f4") for role in roles}
    inputs[roles[0]] = images.astype("f4")
    expected = signature(**inputs)[output].numpy()
    assert np.isfinite(expected).all()
    for role in roles:
        damaged = {key: value.copy() for key, value in inputs.items()}
        damaged[role][1, 7, 9, 2] = wrong
        # One call, so one graph serves the damaged image and the others.
        found = signature(**damaged)[output].numpy()
        assert np.isnan(found[1]).any(), role
        if found.ndim == 1:
            assert np.isnan(found[1])
        np.testing.assert_allclose(
            np.delete(found, 1, 0), np.delete(expected, 1, 0), atol=1e-5
        )


def test_sizes_may_differ_where_the_export_resizes(loaded, resized, resize):
    model = loaded(resized)
    image = Image.fromarray(photograph())
    large = image.transpose(Image.Transpose.ROTATE_90)
    large = large.resize((200, 100), Image.Resampling.BICUBIC)
    files = [encode(image), encode(large)]
    found = model.signatures["encoded"](
        reference=tf.constant(files), distorted=tf.constant(files[::-1])
    )["distance"]
    ours = [load_image(x, resize) for x in (image, large)]
    np.testing.assert_allclose(found, [distance(*ours)] * 2, rtol=1e-3)
    decoded = decode(tf.constant(files[1:]), resize)[0].numpy()[0]
    assert np.abs(decoded.astype(int) - ours[1]).max() <= LEVEL
