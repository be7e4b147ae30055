"""Trains a bank of small networks, the paper's CNN-based distortions.

    python -m pipelines.train_networks --photos DIR --bank BANK --networks 8

Eight of 200 steps take minutes on two cores; the paper's bank has 96. A
network for colorization and one for super-resolution are trained with them.
Each network is saved when it is trained, and a repeated command goes on after
the last one.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import simple_parsing
from etils import epath

from pipelines.image_io.photographs import BadPhotograph, read_photograph
from pipelines.image_io.survey import find_photographs
from pipelines.networks.settings import PATCH_SIZE, RESTORERS, sample_settings
from pipelines.program import parse, run
from pipelines.rng import generator_of
from tfds_bapps.source.errors import PreparationError

# Photographs that are held in memory at once.
MAX_PHOTOGRAPHS = 200


@dataclass(frozen=True)
class Settings:
    """What is trained, and on what."""

    photos: str
    """Folder of photographs, searched with all below it, or a pattern."""
    bank: str
    """Folder of the bank; networks that are there already are kept."""
    networks: int = 8
    """How many sampled networks the bank shall have."""
    restorers: list[str] = simple_parsing.list_field(*RESTORERS)
    """Among color_network and espcn: networks of the real algorithms."""
    steps: int = 200
    """Batches that each network learns from."""
    seed: int = 0
    """Of the networks' settings, weights and patches."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and trains; returns the exit status."""
    settings = parse("train_networks", __doc__, Settings, argv)
    return run(
        "train_networks",
        lambda: train_bank(settings),
        "the same command goes on",
        PreparationError,
    )


def train_bank(settings: Settings) -> None:
    """Trains and saves the networks that the bank lacks.

    Raises:
        PreparationError: a setting or a photograph cannot be used.
    """
    if min(settings.networks, settings.steps) < 1:
        raise PreparationError("--networks and --steps must be positive.")
    if not set(settings.restorers) <= set(RESTORERS):
        raise PreparationError(
            f"--restorers must be among {', '.join(RESTORERS)}. "
            f"Received: {', '.join(settings.restorers)}"
        )
    # Keras takes seconds to load, and `--help` needs none of it.
    from pipelines.networks.model_bank import save_network
    from pipelines.networks.training import train

    photographs = _photographs(settings.photos)

    def patch(generator):
        image = photographs[generator.integers(len(photographs))]
        top, left = (
            generator.integers(side - PATCH_SIZE + 1)
            for side in image.shape[:2]
        )
        return image[top : top + PATCH_SIZE, left : left + PATCH_SIZE]

    bank = epath.Path(settings.bank)
    bank.mkdir(parents=True, exist_ok=True)
    networks = {
        f"cnn_{number:03}": sample_settings(settings.seed, number)
        for number in range(settings.networks)
    }
    networks.update({name: RESTORERS[name] for name in settings.restorers})
    for name, network in networks.items():
        if (bank / f"{name}.json").exists():
            continue
        start = time.monotonic()
        seed = int(generator_of(settings.seed, name).integers(2**31))
        generator, losses = train(network, patch, settings.steps, seed)
        training = {"seed": settings.seed, "steps": settings.steps, **losses}
        save_network(bank, name, network, generator, training)
        print(
            f"{name:14}{network.corruption:14}"
            f"{generator.count_params():7} weights, l1 {losses['l1']:.3f}, "
            f"{time.monotonic() - start:.0f} s",
            flush=True,
        )


def _photographs(where) -> list[np.ndarray]:
    photographs = []
    for name, path in find_photographs(where):
        try:
            data = epath.Path(path).read_bytes()
            photographs.append(read_photograph(data, PATCH_SIZE))
        except (BadPhotograph, OSError) as error:
            print(f"refused: {name} {error}")
        if len(photographs) == MAX_PHOTOGRAPHS:
            break
    if not photographs:
        raise PreparationError(f"{where}: no photograph can be used.")
    return photographs


if __name__ == "__main__":
    sys.exit(main())
