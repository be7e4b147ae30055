"""Pictures of where two images differ, and of a curve."""

import numpy as np

from keras_lpips.atomic_files import replacing

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".pdf", ".svg")


def write_heat_map(path, reference, distorted, heat, title) -> None:
    """Draws two images and the map of their distance side by side.

    Args:
        path: the picture to write; its suffix, one of `SUFFIXES`, names the
            format.
        reference: uint8 RGB, `(height, width, 3)`.
        distorted: the same.
        heat: float32, `(height, width)`: distance per pixel, at least 0.
        title: text above the map.
    """
    figure = _figure((10.5, 3.9))
    panels = (
        ("reference", reference, {}),
        ("distorted", distorted, {}),
        (title, heat, {"cmap": "inferno", "vmin": 0}),
    )
    axes = figure.subplots(1, 3)
    for axis, (name, pixels, options) in zip(axes, panels, strict=True):
        shown = axis.imshow(pixels, **options)
        axis.set_title(name, fontsize=10)
        axis.set_axis_off()
    figure.colorbar(shown, ax=axes[2], fraction=0.046, label="LPIPS per pixel")
    _save(figure, path)


def write_curve(path, values, label, along="step", scale="log") -> None:
    """Draws a distance against the step.

    Args:
        path: the picture to write.
        values: one distance per step.
        label: what they are.
        along: what a step is. Defaults to "step".
        scale: "log" or "linear". Defaults to "log".
    """
    figure = _figure((6, 4))
    axis = figure.subplots()
    axis.plot(np.arange(len(values)), values)
    axis.set_xlabel(along)
    axis.set_ylabel(label)
    axis.set_yscale(scale)
    axis.grid(alpha=0.3)
    _save(figure, path)


def _figure(size):
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=120, layout="constrained")


def _save(figure, path):
    with replacing(path) as partial:
        figure.savefig(partial)
