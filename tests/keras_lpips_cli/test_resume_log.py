import pytest

from keras_lpips_cli.resume_log import ResumeLog, fingerprint


def write_log(path, values):
    log = ResumeLog(path)
    with log.writing() as record:
        for key, value in values.items():
            record(key, value)
    return log


def test_the_next_run_finds_the_recorded_values(tmp_path):
    output = tmp_path / "out.csv"
    values = {"a": {"x.png": 0.125}, "b": {"ü\udcff.png": 1.5}}
    write_log(output, values)
    assert ResumeLog(output).values() == values
    write_log(output, {"c": {}})
    assert set(ResumeLog(output).values()) == {"a", "b", "c"}


def test_an_interrupted_run_keeps_its_values(tmp_path):
    output = tmp_path / "out.csv"
    log = ResumeLog(output)
    with pytest.raises(KeyboardInterrupt), log.writing() as record:
        record("a", 1)
        raise KeyboardInterrupt
    assert ResumeLog(output).values() == {"a": 1}


@pytest.mark.parametrize("lost", range(2, 12))
def test_a_truncated_line_is_dropped(tmp_path, lost):
    output = tmp_path / "out.csv"
    path = write_log(output, {"a": 1, "b": [2, 3]}).path
    path.write_bytes(path.read_bytes()[:-lost])
    assert ResumeLog(output).values() == {"a": 1}
    write_log(output, {"c": 4})
    assert ResumeLog(output).values() == {"a": 1, "c": 4}


@pytest.mark.parametrize("content", [b"", b"other\n", b"\xff\xfe\n\n", b"1\n"])
def test_a_file_that_is_not_a_log_counts_as_empty(tmp_path, content):
    output = tmp_path / "out.csv"
    ResumeLog(output).path.write_bytes(content)
    assert ResumeLog(output).values() == {}
    write_log(output, {"a": 1})
    assert ResumeLog(output).values() == {"a": 1}


def test_a_complete_output_leaves_no_log(tmp_path):
    write_log(tmp_path / "out.csv", {"a": 1}).remove()
    assert list(tmp_path.iterdir()) == []


def test_the_fingerprint_changes_with_files_and_settings(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"1")
    found = {fingerprint([path], {}), fingerprint([path], {"net": "vgg"})}
    path.write_bytes(b"22")
    found.add(fingerprint([path], {}))
    found.add(fingerprint([tmp_path / "none.png"], {}))
    assert len(found) == 4
    assert fingerprint([path], {}) == fingerprint([path], {})
