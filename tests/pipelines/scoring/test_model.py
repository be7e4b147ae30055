"""The model under shards: one graph for images of all sizes."""

import pytest

from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.model import Model
from pipelines.scoring.pairs import Span
from pipelines.scoring.shards import Shard, score_shard
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
    config = ScoringConfig(
        pairs="", output="", maps=maps, batch_pixels=3 * 64 * 64
    )
    model = Model(config)
    assert model._graph.experimental_get_tracing_count() == 1
    path = write_list(tmp_path / "x.csv", rows)
    start = len("reference,distorted\r\n")
    for count in (3, 20):
        shard = Shard(str(tmp_path), count, 99, Span(str(path), start, count))
        assert score_shard(shard, model)["scored"] == count
    assert model._graph.experimental_get_tracing_count() == 1
