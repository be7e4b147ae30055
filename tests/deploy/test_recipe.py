"""The steps of the container recipe, in a new virtual environment."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.support.fake_pairs import pixels_of, png, write_list
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.packaging, pytest.mark.slow]
RECIPE = REPOSITORY / "deploy" / "Dockerfile"


def instructions():
    """The recipe's instructions as (name, text), without line breaks."""
    text = "\n".join(
        line
        for line in RECIPE.read_text().splitlines()
        if not line.startswith("#")
    )
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line]


def test_the_steps_make_an_environment_that_scores(tmp_path):
    if sys.version_info[:2] != (3, 11):
        pytest.skip("The image has Python 3.11, and this is another.")
    root, python = tmp_path / "root", tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", python], check=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_NO", "PYTHON", "KERAS"))
    }
    environment["PIP_NO_COMPILE"] = "1"
    environment["PATH"] = f"{python / 'bin'}:{environment['PATH']}"
    folder = root
    for name, text in instructions():
        if name == "ENV":
            for setting in shlex.split(text):
                key, _, value = setting.partition("=")
                inside = value.startswith("/") and not value.startswith("/tmp")
                # The image has no cache, but this machine's spares minutes.
                if key != "PIP_NO_CACHE_DIR":
                    environment[key] = f"{root}{value}" if inside else value
        elif name == "WORKDIR":
            folder = root / text.lstrip("/")
            folder.mkdir(parents=True)
        elif name == "COPY" and not text.startswith("--from"):
            *sources, target = text.split()
            for source in map(REPOSITORY.joinpath, sources):
                if source.is_dir():
                    shutil.copytree(source, folder / target)
                else:
                    (folder / target).parent.mkdir(exist_ok=True)
                    shutil.copy(source, folder / target)
        elif name == "RUN":
            run(text, folder, environment)
    assert len(list((root / "weights").rglob("*.npz"))) == 2
    for name, pixels in zip("ab", pixels_of(3, 64), strict=True):
        (tmp_path / f"{name}.png").write_bytes(png(pixels))
    pairs = write_list(tmp_path / "pairs.csv", [("a.png", "b.png")])
    scoring = f"python -m pipelines.score --pairs {pairs} --output scores"
    done = run(scoring, folder, environment)
    assert "mean of 1 pairs (0 failed)" in done
    assert f"{root}" in run(
        "python -c 'import pipelines; print(pipelines.__file__)'",
        folder,
        environment,
    )


def run(step, folder, environment):
    done = subprocess.run(
        ["sh", "-ec", step],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout
