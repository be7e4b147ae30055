"""Loads the metric and the ranking head of a finished run."""

import csv
import hashlib
import json
from pathlib import Path

from keras_lpips.layers.lpips import LPIPS
from keras_lpips.weights.npz import (
    WeightsError,
    check_keys,
    content_digest,
    read_npz,
)
from keras_lpips_cli.state_files import read_state
from training.model.custom_taps import build_lpips
from training.model.ranking_head import DistanceOnly, RankingHead
from training.model.triplet_model import (
    RANKING_HEAD,
    named_lpips_weights,
    named_ranking_head_weights,
)
from training.recipes import find_recipe
from training.run.run_folder import HISTORY, SETTINGS, WEIGHTS


class TrainedRun:
    """A run with at least one finished epoch.

    Args:
        folder: the run's folder.

    Raises:
        WeightsError: if the folder holds no run with a finished epoch.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        try:
            self._held = read_state(self.folder / SETTINGS)
            self.settings = self._held["settings"]
            self.recipe = find_recipe(self.settings["recipe"])
            self._arrays = read_npz(self.folder / WEIGHTS)
            with open(self.folder / HISTORY, newline="") as file:
                *_, last = csv.DictReader(file)
            self._last_epoch = {key: float(last[key]) for key in last}
            self._epochs = int(self._last_epoch["epoch"])
        except (
            FileNotFoundError,
            NotADirectoryError,
            KeyError,
            TypeError,
            ValueError,
            csv.Error,
        ) as error:
            # Its message about damaged weights is more specific.
            if isinstance(error, WeightsError):
                raise
            raise WeightsError(
                f"{folder} holds no run of training.train with a finished epoch"
            ) from None

    def layer(self, value_range=(0, 255)) -> LPIPS:
        """Returns the trained metric, frozen, in float32.

        Args:
            value_range: see `LPIPS`. Defaults to `(0, 255)`.
        """
        recipe = self.recipe
        lpips = build_lpips(
            recipe.net,
            self.settings.get("taps"),
            value_range=value_range,
            backbone_weights=recipe.backbone_weights,
            head_weights="random",
            seed=0,
            dtype="float32",
        )
        variables = named_lpips_weights(lpips, recipe.trainable_backbone)
        self._assign(variables, of_ranking_head=False)
        return lpips

    def ranking_head(self) -> RankingHead | DistanceOnly:
        """Returns the trained ranking head."""
        if self.settings["distance_only"]:
            head = DistanceOnly(name="distance_only")
        else:
            head = RankingHead(name="ranking_head")
        self._assign(named_ranking_head_weights(head), of_ranking_head=True)
        return head

    def description(self) -> dict:
        """Returns recipe, data, score and digests, ready for JSON.

        The score is the 2AFC score of the last epoch in percent, by subset of
        the validation part.
        """
        settings = json.dumps(self.settings, sort_keys=True)
        return {
            "recipe": self.settings["recipe"],
            "settings": self.settings,
            "settings_digest": hashlib.sha256(settings.encode()).hexdigest(),
            "weights_digest": content_digest(self._arrays),
            "data": self._held["data"],
            "judgements": self._held["about"].get("judgements"),
            "epochs": self._epochs,
            "score": {
                name: value
                for name, value in self._last_epoch.items()
                if name.endswith("_2afc")
            },
            "git_revision": self._held["about"].get("git_revision"),
        }

    def _assign(self, variables, of_ranking_head):
        arrays = {
            name: array
            for name, array in self._arrays.items()
            if name.startswith(RANKING_HEAD) == of_ranking_head
        }
        shapes = {name: variable.shape for name, variable in variables.items()}
        check_keys(arrays, shapes, str(self.folder / WEIGHTS))
        for name, variable in variables.items():
            variable.assign(arrays[name])
