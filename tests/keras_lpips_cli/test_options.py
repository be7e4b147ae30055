from dataclasses import dataclass
from typing import get_args

import pytest

from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.layers.lpips import VERSIONS
from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import (
    AnyNet,
    Net,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Version,
    check_output,
)
from keras_lpips_cli.program import parse


@dataclass(frozen=True)
class NumbersConfig:
    skipped: NonNegativeInt = 0
    batch: PositiveInt = 1
    rate: PositiveFloat | None = None


def parse_numbers(*argv):
    return parse(NumbersConfig, "", argv, prog="numbers")


def test_choices_of_net_and_version_are_the_library_s():
    assert get_args(AnyNet) == tuple(BACKBONES)
    pretrained = [net for net, known in BACKBONES.items() if known.weights]
    assert list(get_args(Net)) == pretrained
    assert get_args(Version) == tuple(VERSIONS)


def test_numbers_in_range_are_parsed():
    config = parse_numbers("--skipped", "0", "--batch", "8", "--rate", "1e-3")
    assert config == NumbersConfig(skipped=0, batch=8, rate=1e-3)
    assert parse_numbers() == NumbersConfig()


@pytest.mark.parametrize(
    ("flag", "value", "rule"),
    [
        ("--skipped", "-1", "an integer of at least 0"),
        ("--skipped", "1.5", "an integer of at least 0"),
        ("--batch", "0", "an integer of at least 1"),
        ("--rate", "0", "a positive number"),
        ("--rate", "inf", "a positive number"),
        ("--rate", "nan", "a positive number"),
        ("--rate", "fast", "a positive number"),
    ],
)
def test_numbers_out_of_range_are_errors_of_usage(capsys, flag, value, rule):
    with pytest.raises(SystemExit) as exit:
        parse_numbers(flag, value)
    assert exit.value.code == 2
    message = capsys.readouterr().err
    assert flag in message and f"{value!r} is not {rule}" in message


def test_output_that_can_be_written_passes(tmp_path):
    check_output(tmp_path / "new.csv", (".csv",))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("table.txt", "--output must end in .csv. Received: {}"),
        ("folder.csv", "--output {} is a folder; a file is needed"),
        ("a.csv", "--output {} would overwrite an input"),
        ("none/new.csv", "--output {}: there is no folder {folder}/none"),
    ],
)
def test_output_that_cannot_be_written_is_an_error(tmp_path, name, sentence):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "a.csv").touch()
    path = tmp_path / name
    with pytest.raises(UserError) as error:
        check_output(path, (".csv",), inputs=[tmp_path / "a.csv"])
    assert str(error.value) == sentence.format(path, folder=tmp_path)
