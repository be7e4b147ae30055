"""`keras-lpips explain`: known distortions that are as far as a distance."""

from dataclasses import asdict, dataclass

from tyro.conf import Positional

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import PublishedConfig


@dataclass(frozen=True, kw_only=True)
class ExplainConfig(PublishedConfig):
    """Prints distortions of photographs that are as far as a distance."""

    distance: Positional[float]
    """The distance."""
    json: bool = False
    """Print JSON."""


def explain_distance(config: ExplainConfig) -> None:
    """Prints the equivalents of the distance.

    Raises:
        UserError: if there are none.
    """
    from keras_lpips.atomic_files import to_json

    texts, record = find_equivalents(config.distance, config)
    if config.json:
        print(to_json({"distance": config.distance, **record}))
    else:
        print("\n".join(texts))


def find_equivalents(
    distance: float, config: PublishedConfig
) -> tuple[list[str], dict]:
    """Returns the lines to print, and a record for JSON.

    Args:
        distance: the distance.
        config: its metric.

    Raises:
        UserError: if there are no equivalents.
    """
    from keras_lpips.inference.equivalents import (
        explain,
        people_text,
        read_tables,
    )

    net, version, _ = config.layer
    try:
        found = explain(distance, net, version)
    except ValueError as error:
        raise UserError(str(error)) from None
    tables = read_tables()
    count, size = len(tables["photographs"]), tables["size"]
    name = "DISTS" if version == "dists" else f"LPIPS {net}, version {version}"
    texts = [f"{distance:g} ({name}) is as far as"]
    for each in found:
        texts.append(f"  {each}")
        if each.distortion == "shift" and (people := people_text(each.median)):
            texts.append(f"    {people}")
    texts.append(
        f"Medians of {count} photographs at {size} px. Other images differ."
    )
    return texts, {
        "net": net,
        "version": version,
        "equivalents": [asdict(each) for each in found],
        "photographs": count,
        "size": size,
    }
