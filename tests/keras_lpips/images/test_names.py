"""Names of two sets of images match by one rule."""

import unicodedata

import pytest

from keras_lpips.images.names import match_names


@pytest.mark.parametrize(
    ("references", "distorted", "partners"),
    [
        (["a.png", "k/a.png"], ["k/a.png"], {"k/a.png": "k/a.png"}),
        (["a.jpg"], ["a.png"], {"a.jpg": "a.png"}),
        (["a.PNG"], ["a.png"], {"a.PNG": "a.png"}),
        (["a.b.png"], ["a.c.png"], {}),
        (["A.png"], ["a.png"], {}),
        # Equal names come first; a name of two images matches neither.
        (["a.jpg", "a.png"], ["a.png"], {"a.png": "a.png"}),
        (["a.jpg"], ["a.png", "a.webp"], {}),
    ],
)
def test_equal_names_match_then_those_without_suffix(
    references, distorted, partners
):
    assert match_names(references, distorted) == partners


def test_composed_and_decomposed_names_match():
    names = ["caf\u00e9.png", "u\u0308ber.png", "e\u0301t\u00e9.jpg"]
    others = [unicodedata.normalize("NFD", name) for name in names]
    others[2] = others[2].replace("jpg", "png")
    assert match_names(names, others) == dict(zip(names, others, strict=True))
    assert match_names(names[:1], [names[0], others[0]]) == {names[0]: names[0]}
