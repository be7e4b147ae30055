"""A model on a server, which the workers of a cluster can share."""

import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from keras_lpips import __version__
from keras_lpips_cli.errors import UserError
from pipelines.scoring.batching import READ_AHEAD_BYTES
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.pairs import Entry
from pipelines.scoring.prefetch import READERS, Budget, read_ahead
from saved_models.client import Client, PairError

# With the client's waits, a request is sent again for about a minute, in which
# a server can be restarted.
RETRIES = 12
# Identical images, to try a server with: their side in pixels, and the largest
# distance that rounding explains.
PROBE_SIDE, PROBE_DISTANCE = 64, 1e-6


class ServedModel:
    """Scores pairs on a server, in the place of `Model`.

    Args:
        config: the server and the model.
        version: version of the model, or `None` if the server has none.
    """

    def __init__(self, config: ScoringConfig, version: int | None):
        self.config = config
        # A version that is known stays the same while a label moves on.
        self._client = make_client(
            config, version, None if version else config.label, RETRIES
        )

    def score_pairs(
        self, pairs: Iterable[Entry], errors: dict[int, str]
    ) -> Iterator[tuple[tuple[int, ...], np.ndarray, None]]:
        """Scores pairs; see `Model.score_pairs`.

        Files are sent as they are. An error of a pair is that of the server.
        """
        sent: deque[int] = deque()
        with (
            ThreadPoolExecutor(READERS) as readers,
            Budget(READ_AHEAD_BYTES) as budget,
        ):
            fetched = read_ahead(pairs, readers, budget, self.config)
            files = _keep_files(fetched, sent, errors)
            for result in self._client.distances(files):
                position = sent.popleft()
                if isinstance(result, PairError):
                    errors[position] = str(result)
                else:
                    yield (position,), np.array([result], np.float32), None


def _keep_files(fetched, sent, errors):
    for position, _, files in fetched:
        if isinstance(files, str):
            errors[position] = files
        else:
            sent.append(position)
            yield files


def make_client(
    config: ScoringConfig, version: int | None, label: str | None, retries: int
) -> Client:
    """Returns a client of the server of a config."""
    host, port = config.address
    return Client(
        host,
        port,
        config.model,
        grpc=config.grpc,
        model_version=version,
        label=label,
        retries=retries,
    )


def describe_server(config: ScoringConfig) -> dict:
    """Returns what to record of the server, after a trial request.

    Raises:
        UserError: the server does not answer, or not with distances.
    """
    client = make_client(config, config.model_version, config.label, retries=2)
    version = client.find_version()
    file = io.BytesIO()
    Image.new("RGB", (PROBE_SIDE, PROBE_SIDE)).save(file, "PNG")
    (result,) = client.distances([(file.getvalue(), file.getvalue())])
    if isinstance(result, PairError) or result > PROBE_DISTANCE:
        raise UserError(
            f"{config.server} does not compare images with {config.model}: of "
            f"two identical images it returned {result}"
        )
    return {"model_version": version, "keras_lpips": __version__}
