import pytest

from tfds_bapps.source import layout

UNKNOWN = layout.Folder(None, None)


@pytest.mark.parametrize(
    ("path", "task", "part", "subset", "role", "name"),
    [
        ("2afc/val/cnn/ref/000001.png", "2afc", "val", "cnn", "ref", "000001"),
        ("./jnd/val/cnn/same/7.npy", "jnd", "val", "cnn", "same", "7"),
        ("train/mix/judge/1.npy", None, "train", "mix", "judge", "1"),
        ("a/2afc/b/val/cnn/p0/x.y.png", "2afc", "val", "cnn", "p0", "x.y"),
    ],
)
def test_a_path_tells_where_a_file_belongs(
    path, task, part, subset, role, name
):
    place = layout.parse_path(path, UNKNOWN)
    assert place == layout.TripletFile(
        layout.Folder(task, part, subset), role, name
    )


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "2afc/val/cnn/ref/notes.txt",
        "2afc/val/cnn/ref/._000001.png",
        "2afc/val/cnn/judge/000001.png",
        "2afc/val/cnn/other/000001.png",
    ],
)
def test_other_files_have_no_place(path):
    assert layout.parse_path(path, UNKNOWN) is None


def test_the_archives_own_place_fills_what_a_path_does_not_say():
    default = layout.Folder("2afc", "val")
    place = layout.parse_path("cnn/p1/3.png", default)
    assert place.folder == layout.Folder("2afc", "val", "cnn")
