"""Work under Beam's inference: one model in each process, and counters."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from apache_beam import Create, Pipeline
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.execution import perform_all
from pipelines.scoring.inference import Infer
from pipelines.scoring.pairs import Span
from pipelines.scoring.shards import Scoring, Shard, Style
from tests.support.fake_pairs import write_list

STYLE = Style("alex", "0.1", True, None, "csv", False, 1 << 20)


@dataclass(frozen=True)
class Piece:
    """A piece of work, a batch of one."""

    report_path: str

    def __len__(self):
        return 1


class Loaded:
    """A model, which knows how many were loaded before it."""

    def __init__(self, folder):
        self.number = len(list(Path(folder).glob("load-*")))
        Path(folder, f"load-{self.number}").touch(exist_ok=False)


@dataclass(frozen=True)
class Loads:
    """Reports which model did the work."""

    folder: str

    def load(self):
        return Loaded(self.folder)

    def perform(self, piece, model):
        return {"by": model.number}


def test_all_shards_of_a_process_share_one_model(tmp_path):
    pieces = [Piece(f"{tmp_path}/{n}.json") for n in range(12)]
    reports = perform_all(pieces, transform=Infer(Loads(str(tmp_path))))
    assert reports == [{"by": 0}] * 12
    assert len(list(tmp_path.glob("load-*"))) == 1


def counters(shards, work):
    """What Beam counts in a pipeline that it runs here."""
    pipeline = Pipeline(runner=FnApiRunner())
    _ = pipeline | Create(shards) | Infer(work)
    result = pipeline.run()
    result.wait_until_finish()
    chosen = MetricsFilter().with_namespace("Shard")
    return {
        metric.key.metric.name: metric.committed
        for metric in result.metrics().query(chosen)["counters"]
    }


def test_scored_and_bad_pairs_are_counted_by_beam(pairs, backbone, tmp_path):
    backbone("alex")
    good = [f"{pairs.parent}/00_{side}.png" for side in (0, 1)]
    bad = ["/nowhere/a.png", "/nowhere/b.png"]
    path = write_list(tmp_path / "x.csv", [good, bad, good, good, bad])
    start = len("reference,distorted\r\n")
    shard = Shard(str(tmp_path), 0, 1, Span(str(path), start, 5))
    assert counters([shard], Scoring(STYLE)) == {"scored": 3, "bad": 2}
    assert json.loads(Path(shard.report_path).read_text())["scored"] == 3
    # What is done is not counted again.
    assert counters([shard], Scoring(STYLE)) == {}


@pytest.mark.parametrize("maps", [False, True])
def test_images_of_all_sizes_go_through_one_graph(
    pairs, backbone, tmp_path, maps
):
    backbone("alex")
    rows = [
        [f"{pairs.parent}/{number:02}_{side}.png" for side in (0, 1)]
        for number in range(20)
    ]
    work = Scoring(Style("alex", "0.1", True, None, "csv", maps, 3 * 64 * 64))
    model = work.load()
    assert model._graph.experimental_get_tracing_count() == 1
    path = write_list(tmp_path / "x.csv", rows)
    start = len("reference,distorted\r\n")
    for count in (3, 20):
        shard = Shard(str(tmp_path), count, 99, Span(str(path), start, count))
        assert work.perform(shard, model)["scored"] == count
    assert model._graph.experimental_get_tracing_count() == 1
