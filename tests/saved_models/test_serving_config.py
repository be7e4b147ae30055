"""The configuration with which TensorFlow Serving is started."""

import re
import shlex

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import (
    ModelServerConfig,
)

from saved_models import serving_config


@pytest.fixture
def models(tmp_path):
    for folder in ("lpips_alex/1", "lpips_alex/12", "lpips_vgg/3", "notes"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def run(models, *options):
    return serving_config.main(["--models", str(models), *options])


def test_every_model_is_named_with_its_highest_version(models):
    assert run(models) == 0
    config = text_format.Parse(
        (models / "models.config").read_text(), ModelServerConfig()
    )
    found = {
        entry.name: (entry.base_path, dict(entry.version_labels))
        for entry in config.model_config_list.config
    }
    assert found == {
        "lpips_alex": ("/models/lpips_alex", {"stable": 12}),
        "lpips_vgg": ("/models/lpips_vgg", {"stable": 3}),
    }


def read_versions(models):
    """The label and the loaded versions of alex."""
    config = text_format.Parse(
        (models / "models.config").read_text(), ModelServerConfig()
    )
    entry = config.model_config_list.config[0]
    assert entry.model_version_policy.WhichOneof("policy_choice") == "specific"
    loaded = entry.model_version_policy.specific.versions
    return entry.version_labels["stable"], list(loaded)


def test_the_label_moves_and_its_old_version_stays_loaded(models, capsys):
    assert run(models) == 0
    assert read_versions(models) == (12, [1, 12])
    # Two new versions, of which one is never labelled.
    for version in ("13", "14"):
        (models / "lpips_alex" / version).mkdir()
    capsys.readouterr()
    assert run(models) == 0
    assert read_versions(models) == (14, [12, 14])
    assert capsys.readouterr().err == (
        "saved_models.serving_config: lpips_alex: stable was version 12, is "
        "14\n"
    )
    # It has moved, so the next lower one is kept.
    assert run(models) == 0
    assert read_versions(models) == (14, [13, 14])
    # Back, while the newer one serves until then.
    assert run(models, "--stable", "lpips_alex=12") == 0
    assert read_versions(models) == (12, [12, 14])
    assert run(models, "--stable", "lpips_alex=12") == 0
    assert read_versions(models) == (12, [1, 12])


@pytest.mark.parametrize(
    ("stable", "status", "sentence"),
    [
        ("lpips_alex=5", 1, "has no version 5"),
        ("lpips=5", 1, "holds no model lpips"),
        ("lpips_alex", 2, "must be MODEL=VERSION"),
    ],
)
def test_a_version_that_is_not_there_is_an_error(
    stable, status, sentence, models, capsys
):
    try:
        found = run(models, "--stable", stable)
    except SystemExit as exit:
        found = exit.code
    assert found == status
    assert sentence in capsys.readouterr().err
    assert not (models / "models.config").exists()


def test_a_file_that_is_no_configuration_is_kept(models, capsys):
    (models / "models.config").write_text("not { a config")
    assert run(models) == 1
    assert "is no ModelServerConfig" in capsys.readouterr().err
    assert (models / "models.config").read_text() == "not { a config"


@pytest.mark.parametrize(
    ("options", "threads"),
    [
        ([], 34),
        (["--batching"], 66),
        (["--batching", "--cores", "8"], 258),
        (["--batching", "--cores", "32"], 1026),
    ],
)
def test_threads_follow_from_cores_and_batches(
    options, threads, models, capsys
):
    assert run(models, *options) == 0
    command = shlex.split(capsys.readouterr().out)
    assert f"--grpc_max_threads={threads}" in command
    assert f"--rest_api_num_threads={threads}" in command
    assert "--model_config_file_poll_wait_seconds=10" in command


def test_the_flags_set_how_requests_are_merged(models):
    assert run(models, "--max-batch-size", "32") == 0
    text = (models / "batching.config").read_text()
    values = dict(re.findall(r"^(\w+) \{ value: (\d+) \}$", text, re.M))
    assert values == {
        "max_batch_size": "32",
        "batch_timeout_micros": "2000",
        "max_enqueued_batches": "64",
        "num_batch_threads": "2",
    }


def test_compose_and_the_command_start_the_same_server(models, capsys):
    assert run(models, "--batching") == 0
    command = shlex.split(capsys.readouterr().out)
    compose = yaml.safe_load((models / "compose.yaml").read_text())
    service = compose["services"]["lpips"]
    image = command.index(service["image"])
    assert command[:3] == ["docker", "run", "--rm"]
    assert command[image + 1 :] == service["command"]
    assert "--enable_batching=true" in service["command"]
    assert f"-v={models}:/models:ro" in command
    assert service["volumes"] == [".:/models:ro"]


def test_requests_are_not_merged_by_default(models):
    assert run(models) == 0
    assert "batching" not in (models / "compose.yaml").read_text()


def test_a_folder_without_models_is_an_error(tmp_path, capsys):
    assert run(tmp_path) == 1
    assert "holds no model" in capsys.readouterr().err
    assert run(tmp_path / "none") == 1
    assert "No such file" in capsys.readouterr().err
