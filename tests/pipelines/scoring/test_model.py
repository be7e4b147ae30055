"""The model under shards: one graph for images of all sizes."""

import pytest

from pipelines.scoring.pairs import Span
from pipelines.scoring.shards import Scoring, Shard, Style
from tests.support.fake_pairs import write_list


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
