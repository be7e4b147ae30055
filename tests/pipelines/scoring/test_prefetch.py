"""Reading ahead: in order, within the budget, without anyone left waiting."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipelines.filesystems import call_within, read_bytes
from pipelines.scoring import batching
from pipelines.scoring.config import ModelConfig
from pipelines.scoring.pairs import Entry
from pipelines.scoring.prefetch import READERS, Budget, read_ahead
from tests.support.fake_pairs import png

LIMIT = 1000


class Ledger:
    """Counts the bytes of the contents that are alive."""

    def __init__(self):
        self.live = self.peak = 0
        # A content may end its life while another is counted.
        self._lock = threading.RLock()

    def content(self, what):
        """Bytes of a size, or a copy of some."""
        content = Content(what)
        content.ledger = self
        self.add(len(content))
        return content

    def add(self, size):
        with self._lock:
            self.live += size
            self.peak = max(self.peak, self.live)


class Content(bytes):
    def __del__(self):
        self.ledger.add(-len(self))


class Files:
    """An entry of two files, which are read as slowly as one likes."""

    data, error = None, ""

    def __init__(self, ledger, size, seconds=0.0):
        self.ledger, self.size, self.seconds = ledger, size, seconds

    def read(self, reserve, seconds):
        files = []
        for _ in range(2):
            reserve(self.size)
            files.append(self.ledger.content(self.size))
            time.sleep(self.seconds)
        return tuple(files)


class Record:
    """An entry that comes with its bytes."""

    error = ""

    def __init__(self, ledger, size):
        self.data = tuple(ledger.content(size) for _ in range(2))

    def read(self, reserve, seconds):
        del reserve, seconds
        return self.data


def read(entries):
    """Reads entries; returns each one's position and bytes."""
    seen = []
    with ThreadPoolExecutor(READERS) as readers, Budget(LIMIT) as budget:
        for position, entry, files in read_ahead(
            entries, readers, budget, ModelConfig()
        ):
            seen.append((position, sum(map(len, files))))
            del entry, files
    return seen


SIZES = {
    "small, then large": [2] * 400 + [150] * 100,
    "as large as the limit": [LIMIT] * 20,
    "too large alone": [1, 3 * LIMIT, 1, 1, 3 * LIMIT] * 5,
    "large, then small": [450] * 30 + [1] * 300,
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_files_hold_the_limit_and_one_pair_at_most(sizes):
    ledger = Ledger()
    seen = read(Files(ledger, size, 1e-4) for size in sizes)
    assert seen == [(n, 2 * size) for n, size in enumerate(sizes)]
    assert ledger.peak <= LIMIT + 2 * max(sizes)
    assert ledger.live == 0


def test_sizes_that_change_by_chance_lock_nobody_up():
    generator = np.random.default_rng(0)
    for _ in range(20):
        sizes = generator.integers(0, LIMIT, 100).tolist()
        ledger = Ledger()
        seconds = generator.choice([0, 1e-4, 1e-3], 100)
        seen = read(map(Files, [ledger] * 100, sizes, seconds))
        assert seen == [(n, 2 * size) for n, size in enumerate(sizes)]
        assert ledger.peak <= LIMIT + 2 * max(sizes)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_records_hold_the_limit_and_two_pairs_at_most(sizes):
    ledger = Ledger()
    seen = read(Record(ledger, size) for size in sizes)
    assert seen == [(n, 2 * size) for n, size in enumerate(sizes)]
    assert ledger.peak <= LIMIT + 4 * max(sizes)


def test_what_is_decoded_is_held_no_longer(monkeypatch):
    monkeypatch.setattr(batching, "READ_AHEAD_BYTES", 20_000)
    ledger = Ledger()
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (8, 40, 40, 3), np.uint8)
    encoded = [png(image) for image in images]

    class Images(Files):
        paths = ("a", "b")

        def read(self, reserve, seconds):
            files = []
            for _ in range(2):
                reserve(len(encoded[self.size]))
                files.append(ledger.content(encoded[self.size]))
            return tuple(files)

    entries = [Images(ledger, n % 8) for n in range(100)]
    errors = {}
    config = ModelConfig(batch_pixels=6400)
    batches = batching.read_batches(entries, config, 31, errors)
    assert sum(len(batch.positions) for batch in batches) == 100
    assert not errors
    assert 10_000 < ledger.peak <= 20_000 + 2 * max(map(len, encoded))


def test_small_files_are_asked_for_many_at_once():
    ledger = Ledger()
    together, most = 0, 0

    class Watched(Files):
        def read(self, reserve, seconds):
            nonlocal together, most
            together += 1
            most = max(most, together)
            files = super().read(reserve, seconds)
            together -= 1
            return files

    read(Watched(ledger, 2, 2e-3) for _ in range(200))
    assert most > READERS / 2


def test_readers_that_wait_for_room_end_with_the_budget():
    ledger = Ledger()
    before = threading.active_count()
    with ThreadPoolExecutor(READERS) as readers, Budget(LIMIT) as budget:
        entries = (Files(ledger, 400) for _ in range(300))
        next(read_ahead(entries, readers, budget, ModelConfig()))
        time.sleep(0.05)
    assert threading.active_count() == before


def test_any_error_of_a_store_is_the_entrys_own():
    class Broken(Files):
        def read(self, reserve, seconds):
            raise RuntimeError("the store is out of order")

    ledger = Ledger()
    entries = [Files(ledger, 2), Broken(ledger, 2), Files(ledger, 3)]
    with ThreadPoolExecutor(READERS) as readers, Budget(LIMIT) as budget:
        found = [
            files if isinstance(files, str) else sum(map(len, files))
            for _, _, files in read_ahead(
                entries, readers, budget, ModelConfig()
            )
        ]
    assert found == [4, "it cannot be read: the store is out of order", 6]


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "x.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    errors = {}
    entries = [Entry(("x",), (str(path),))]
    config = ModelConfig(max_file_bytes=1000)
    assert not list(batching.read_batches(entries, config, 31, errors))
    assert "--max-file-bytes allows 1,000" in errors[0]


def test_a_store_that_does_not_answer_is_given_up():
    never = threading.Event()
    with pytest.raises(TimeoutError, match="no answer within 0.05 s"):
        call_within(0.05, never.wait)
    never.set()
    assert call_within(9, lambda: 7) == 7
    with pytest.raises(KeyError):
        call_within(9, lambda: {}[1])


def test_a_file_says_its_size_before_it_is_read(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"seven..")
    sizes = []
    assert read_bytes(str(path), sizes.append) == b"seven.."
    assert sizes == [7]
