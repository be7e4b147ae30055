import pytest

from keras_lpips_cli.resume_log import ResumeLog


def written(path, values):
    journal = ResumeLog(path)
    with journal.writing() as note:
        for key, value in values.items():
            note(key, value)
    return journal


def test_what_was_noted_is_there_in_the_next_run(tmp_path):
    output = tmp_path / "out.csv"
    written(output, {"a": {"x.png": 0.125}, "b": {"ü\udcff.png": 1.5}})
    found = ResumeLog(output).values()
    assert found == {"a": {"x.png": 0.125}, "b": {"ü\udcff.png": 1.5}}
    written(output, {"c": {}})
    assert set(ResumeLog(output).values()) == {"a", "b", "c"}


def test_a_run_that_is_stopped_keeps_what_was_noted(tmp_path):
    output = tmp_path / "out.csv"
    journal = ResumeLog(output)
    with pytest.raises(KeyboardInterrupt), journal.writing() as note:
        note("a", 1)
        raise KeyboardInterrupt
    assert ResumeLog(output).values() == {"a": 1}


@pytest.mark.parametrize("lost", range(2, 12))
def test_a_line_that_was_cut_is_dropped_and_the_rest_goes_on(tmp_path, lost):
    output = tmp_path / "out.csv"
    path = written(output, {"a": 1, "b": [2, 3]}).path
    path.write_bytes(path.read_bytes()[:-lost])
    assert ResumeLog(output).values() == {"a": 1}
    written(output, {"c": 4})
    assert ResumeLog(output).values() == {"a": 1, "c": 4}


@pytest.mark.parametrize("content", [b"", b"other\n", b"\xff\xfe\n\n", b"1\n"])
def test_what_is_no_journal_is_as_good_as_none(tmp_path, content):
    output = tmp_path / "out.csv"
    ResumeLog(output).path.write_bytes(content)
    assert ResumeLog(output).values() == {}
    written(output, {"a": 1})
    assert ResumeLog(output).values() == {"a": 1}


def test_it_is_removed_when_the_output_is_whole(tmp_path):
    written(tmp_path / "out.csv", {"a": 1}).remove()
    assert list(tmp_path.iterdir()) == []
