"""`keras-lpips pair`: the distance between two images."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keras_lpips_cli.commands.explain import find_equivalents
from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import MetricConfig, PositiveInt, check_output


@dataclass(frozen=True, kw_only=True)
class PairConfig(MetricConfig):
    """Computes the distance between two images."""

    reference: Positional[Path]
    """The reference image."""
    distorted: Positional[Path]
    """The distorted image."""
    saved_model: Path | None = None
    """Folder of an export, which is used with its own net instead of --net."""
    tile: PositiveInt | None = None
    """Compute in tiles of this height and width, for large images."""
    mask: Path | None = None
    """Compare inside of this mask only: gray, white inside, black outside."""
    map: Path | None = None
    """Write a heat map of the distance to this file."""
    per_layer: bool = False
    """Print the share of each tap, too."""
    explain: bool = False
    """Print distortions of photographs that are as far, too."""
    json: bool = False
    """Print JSON."""

    def __post_init__(self):
        """Validates combinations of flags."""
        super().__post_init__()
        if self.tile:
            self.require_lpips("--tile")
        if self.mask:
            self.require_lpips("--mask")
        if self.map:
            self.require_lpips("--map")


def compare_pair(config: PairConfig) -> None:
    """Prints the distance and writes the heat map."""
    from keras_lpips.atomic_files import to_json

    if config.tile and config.saved_model:
        raise UserError("--tile cannot be given together with --saved-model")
    if config.mask and config.saved_model:
        raise UserError("--mask cannot be given together with --saved-model")
    if config.explain and (
        config.off_the_shelf or config.saved_model or config.mask
    ):
        raise UserError(
            "--explain is for published LPIPS of whole images: it cannot be "
            "given together with --off-the-shelf, --saved-model or --mask"
        )
    if config.map:
        from keras_lpips_cli.plots import SUFFIXES

        inputs = [config.reference, config.distorted]
        inputs += [config.mask] if config.mask else []
        check_output(config.map, SUFFIXES, "--map", inputs)
    compare = _compare_tiled if config.tile else _compare_whole
    per_layer, description = compare(config)
    result = {
        "reference": str(config.reference),
        "distorted": str(config.distorted),
        "distance": sum(per_layer.values()),
        "per_layer": per_layer,
        **({"mask": str(config.mask)} if config.mask else {}),
        **description,
    }
    if config.map:
        result["map"] = str(config.map)
    texts: list[str] = []
    if config.explain:
        texts, explanation = find_equivalents(result["distance"], config)
        result |= explanation
    if config.json:
        print(to_json(result))
        return
    print(f"{result['distance']:.6f}")
    if config.per_layer:
        for tap, share in per_layer.items():
            print(f"  {tap:8s} {share:.6f}")
    for text in texts:
        print(text)


def _compare_whole(config):
    """Returns shares by tap and their description; writes the heat map."""
    from keras_lpips.images.masks import load_images
    from keras_lpips.images.validation import prefix_errors

    images = load_images(
        config.reference, config.distorted, config.mask, config.resize
    )
    scorer, description = _load_scorer(config)
    batches = [image[None] for image in images]
    with prefix_errors(config.reference):
        shares = scorer.per_layer(*batches)[0].tolist()
    if config.map:
        from keras_lpips_cli.plots import write_heat_map

        heat = scorer.spatial_map(*batches)[0]
        title = _title(description, shares)
        write_heat_map(config.map, *images[:2], heat, title)
    return dict(zip(scorer.taps, shares, strict=True)), description


def _compare_tiled(config):
    """Does the same as `_compare_whole`, in bounded memory."""
    import numpy as np

    from keras_lpips.images.masks import load_mask
    from keras_lpips.images.reader import check_pair
    from keras_lpips.images.tiff_reader import MOST_HELD_PIXELS, open_pair
    from keras_lpips.images.validation import prefix_errors
    from keras_lpips.inference.tiling import TiledScorer
    from keras_lpips_cli.signals import with_progress

    images = open_pair(config.reference, config.distorted, config.resize)
    mask = None
    if config.mask:
        mask = load_mask(config.mask, config.resize, MOST_HELD_PIXELS)
        # Of three channels, as the images.
        whole = np.broadcast_to(mask[..., None], (*mask.shape, 3))
        check_pair(config.reference, config.mask, (images[0], whole))
    scorer, description = _load_scorer(config)
    with prefix_errors(config.reference):
        found = TiledScorer(scorer, config.tile).compare(
            *images,
            mask,
            with_maps=bool(config.map),
            progress=lambda tiles: with_progress(tiles, "tile"),
        )
    shares = found.per_layer.tolist()
    if config.map:
        from keras_lpips_cli.plots import write_tiled_heat_map

        title = _title(description, shares)
        write_tiled_heat_map(config.map, images, found.tap_maps, title)
    per_layer = dict(zip(scorer.taps, shares, strict=True))
    return per_layer, {**description, "tile": config.tile}


def _title(description, shares):
    return f"LPIPS {description['net']}: {sum(shares):.4f}"


def _load_scorer(config):
    """Returns a `Scorer`, or an `ExportedScorer`, and its description."""
    if config.saved_model:
        from keras_lpips.inference.saved_model import ExportedScorer

        exported = ExportedScorer(config.saved_model)
        return exported, exported.description
    from keras_lpips.inference.provenance import describe
    from keras_lpips.inference.scorer import get_scorer

    return get_scorer(*config.layer), describe(*config.layer)
