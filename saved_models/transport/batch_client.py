"""Many pairs at a time, sent again where that may help."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from saved_models.transport.server_error import ServerError, Unavailable

# Seconds before the first repetition; each further wait is twice as long.
FIRST_WAIT = 0.1
LONGEST_WAIT = 10.0


class Requests:
    """Asks a server for the distances of any number of pairs.

    Args:
        transport: has `predict(references, distorted)`.
        retries: how often a request is sent again that the server did not
            take.
        batch_size: most pairs in a request.
        in_flight: most requests at one time.
    """

    def __init__(self, transport, retries=4, batch_size=16, in_flight=4):
        self._transport = transport
        self._retries = retries
        self._batch_size = batch_size
        self._in_flight = in_flight

    def distances(self, pairs) -> list[float | ServerError]:
        """Returns the distance of each pair, or what was wrong with it.

        Where the server refuses a request of several pairs, they are sent one
        by one, so that a bad file costs no other pair its distance.

        Args:
            pairs: list of pairs of bytes, PNG or JPEG.

        Raises:
            ServerError: if the fault is not a pair's.
        """
        batches = [
            pairs[i : i + self._batch_size]
            for i in range(0, len(pairs), self._batch_size)
        ]
        results = []
        with ThreadPoolExecutor(self._in_flight) as pool:
            tasks = [pool.submit(self._ask, batch) for batch in batches]
            try:
                for task in tasks:
                    results += task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return results

    def _ask(self, batch):
        try:
            return self._send(batch)
        except ServerError as error:
            if not error.refused:
                raise
            if len(batch) == 1:
                return [error]
        return [result for pair in batch for result in self._ask([pair])]

    def _send(self, batch):
        wait = FIRST_WAIT
        for repetition in range(self._retries + 1):
            try:
                return self._transport.predict(*zip(*batch, strict=True))
            except Unavailable as error:
                if repetition == self._retries:
                    tries = f"after {self._retries + 1} tries"
                    raise ServerError(f"{error} ({tries})") from None
            # At random within the wait, so that clients which were sent away
            # together do not come back together.
            time.sleep(random.uniform(wait / 2, wait))
            wait = min(2 * wait, LONGEST_WAIT)
        raise ValueError(f"`retries` must be at least 0: {self._retries}")
