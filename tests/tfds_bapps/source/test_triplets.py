import pytest

from tfds_bapps.source import layout
from tfds_bapps.source.triplets import MAX_FILE_BYTES, SubsetTable


def table_of(task, count):
    folder = layout.Folder(task, "val", "cnn")
    table = SubsetTable(folder, "a.tar", in_archive=True)
    for i in reversed(range(count)):
        for k, role in enumerate(layout.TASKS[task].roles):
            table.add(role, f"{i:06}", 1000 * k + i, 10 * k + i)
    return table


@pytest.mark.parametrize(("task", "per_triplet"), [("2afc", 54), ("jnd", 42)])
def test_a_triplet_takes_the_documented_bytes(task, per_triplet):
    triplets, errors = table_of(task, 100).join()
    assert triplets.nbytes == 100 * per_triplet
    assert not errors


def test_files_are_joined_by_name_in_the_order_of_names():
    triplets, _ = table_of("2afc", 3).join()
    assert triplets.names.tolist() == [b"000000", b"000001", b"000002"]
    assert triplets.offsets[1].tolist() == [1, 1001, 2001, 3001]
    assert triplets.sizes[2].tolist() == [2, 12, 22, 32]
    assert triplets[1:].offsets.tolist() == triplets.offsets[1:].tolist()


def test_missing_double_and_oversized_files_are_named():
    table = table_of("2afc", 3)
    table.add("p1", "000001", 0, 1)
    table.add("judge", "000009", 0, 1)
    table.add("ref", "000000x", 0, MAX_FILE_BYTES + 1)
    triplets, errors = table.join()
    assert triplets.names.tolist() == [b"000000", b"000002"]
    assert sorted(map(str, errors)) == [
        "a.tar: val/cnn/judge/000000x.npy is missing",
        "a.tar: val/cnn/p0/000000x.png is missing",
        "a.tar: val/cnn/p0/000009.png is missing",
        "a.tar: val/cnn/p1/000000x.png is missing",
        "a.tar: val/cnn/p1/000001.png exists twice",
        "a.tar: val/cnn/p1/000009.png is missing",
        "a.tar: val/cnn/ref/000000x.png is too large",
        "a.tar: val/cnn/ref/000009.png is missing",
    ]


def test_a_task_is_known_by_its_roles_where_no_folder_names_it():
    folder = layout.Folder(None, "val", "cnn")
    table = SubsetTable(folder, "a.tar", in_archive=True)
    table.add("p0", "1", 0, 1)
    assert table.task == "2afc"
    table.add("same", "1", 0, 1)
    assert table.task == "jnd"
