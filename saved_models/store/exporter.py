"""Writes a version of a model: graphs, model card and warm-up requests."""

from pathlib import Path

import keras
import tensorflow as tf

from keras_lpips import DISTS, LPIPS
from keras_lpips.layers.image_distance import ImageDistance
from keras_lpips_cli.errors import UserError
from saved_models.export import ExportConfig
from saved_models.graph.signatures import Signature, Signatures
from saved_models.store.model_card import make_card, write_card
from saved_models.store.versions import write_version
from saved_models.store.warm_up import write_warm_up


def export_model(config: ExportConfig) -> Path:
    """Exports the published weights, or those of a training run.

    Args:
        config: the flags of `saved_models.export`.

    Returns:
        The version's folder.
    """
    run = None
    lpips: ImageDistance
    if config.metric == "dists":
        lpips = DISTS(dtype="float32")
    elif config.from_run is None:
        lpips = LPIPS(
            config.net or "alex",
            config.version,
            calibrated=not config.off_the_shelf,
            dtype="float32",
        )
    else:
        run = _open_run(config)
        lpips = run.layer(value_range=(-1, 1))
    return export(
        lpips,
        config.output,
        config.model_version,
        config.resize,
        config.max_pixels,
        run,
    )


def _open_run(config):
    # Imported here, because only exports of runs need the training code.
    from training.run.run_loading import TrainedRun

    run = TrainedRun(config.from_run)
    if config.net not in (None, run.recipe.net):
        raise UserError(
            f"{config.from_run} is a run of {run.recipe.net}, not of "
            f"{config.net}; --net may be left out"
        )
    return run


def export(
    lpips: ImageDistance,
    output: Path,
    model_version: int | None = None,
    resize: tuple[int, int] | None = None,
    max_pixels: int = ExportConfig.max_pixels,
    run=None,
) -> Path:
    """Writes a version of a model.

    Args:
        lpips: a layer in float32 with `value_range` (-1, 1).
        output: the model's folder.
        model_version: the version. Defaults to `None`, one more than the
            highest.
        resize: `(height, width)` to which `encoded` resizes. Defaults to
            `None`.
        max_pixels: most pixels of an image in a request. Defaults to
            2048 * 2048.
        run: the `TrainedRun` of the layer, whose ranking head is exported as
            `preference`. Defaults to `None`.

    Returns:
        The version's folder.

    Raises:
        VersionError: if the version exists.
        ValueError: if the layer takes other images, or Keras does not run on
            TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "The export needs Keras to run on TensorFlow: set KERAS_BACKEND. "
            f"Received: {keras.backend.backend()}"
        )
    ranking_head = run and run.ranking_head()
    signatures = Signatures(lpips, max_pixels, resize, ranking_head).all()

    def write(folder):
        try:
            _write_saved_model(signatures, folder)
        except tf.errors.OpError as error:
            raise UserError(
                f"{output} cannot be written: {error.message}"
            ) from error
        card = make_card(lpips, signatures, folder, max_pixels, resize, run)
        write_card(folder, card)
        write_warm_up(folder, signatures)

    return write_version(output, model_version, write)


def _write_saved_model(signatures: dict[str, Signature], folder: Path) -> None:
    archive = keras.export.ExportArchive()
    # The layer is not tracked, because Keras would write every variable twice
    # (keras#23553). Keras finds the endpoints' variables anyway.
    traced: dict = {}
    for name, signature in signatures.items():
        function = signature.function
        if function in traced:
            archive.add_endpoint(name, traced[function])
            continue
        specs = [
            type(spec)(spec.shape, spec.dtype, role)
            for role, spec in signature.inputs.items()
        ]
        traced[function] = archive.add_endpoint(name, function, specs)
        # Traced now, so that a second name shares the graph.
        traced[function].get_concrete_function()
    archive.write_out(str(folder), verbose=False)
