"""Runs the short suite in environments of other versions, made by uv.

    uv run --no-project tests/integration/matrix/run.py [NAME ...]

installs the package with one backend into each environment and runs
`test_short.py` there. Without names all environments are tried. The first run
downloads packages; later ones take them from uv's cache.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
SUITE = "tests/integration/matrix/test_short.py"
UV = os.environ.get("UV", "uv")


@dataclass(frozen=True)
class Environment:
    """A Python, a backend of Keras, and requirements beside the package's."""

    python: str
    backend: str
    requirements: tuple[str, ...] = ()


ENVIRONMENTS = {
    "oldest": Environment(
        "3.10",
        "tensorflow",
        ("keras==3.8.0", "tensorflow==2.18.*", "numpy==1.26.*", "pillow==10.3"),
    ),
    "python3.11": Environment(
        "3.11", "tensorflow", ("keras==3.10.*", "tensorflow==2.19.*")
    ),
    "python3.12": Environment(
        "3.12", "tensorflow", ("keras==3.12.*", "tensorflow==2.20.*")
    ),
    "newest": Environment("3.13", "tensorflow"),
    "jax": Environment("3.12", "jax"),
    "jax-python3.10": Environment("3.10", "jax"),
    "torch": Environment("3.13", "torch"),
    "torch-python3.10": Environment("3.10", "torch"),
}


def find_python(version: str) -> str:
    """Returns a Python of pyenv, or the version for uv to find or download."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{version}.*/bin/python"))
    return str(found[-1]) if found else version


def run(name: str, environment: Environment, folder: Path) -> bool:
    """Creates an environment in `folder` and returns whether all tests pass."""
    python = folder / "bin" / "python"
    interpreter = find_python(environment.python)
    requirements = [f"{ROOT}[{environment.backend}]", "pytest>=8"]
    commands = (
        [UV, "venv", "--quiet", "--python", interpreter, folder],
        [
            *(UV, "pip", "install", "--quiet", "--python", python),
            *requirements,
            *environment.requirements,
        ],
        [python, "-m", "pytest", "-q", "-o", "filterwarnings=default", SUITE],
    )
    print(f"== {name}: {environment}", flush=True)
    variables = os.environ | {
        "KERAS_BACKEND": environment.backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return all(
        subprocess.run(command, cwd=ROOT, env=variables).returncode == 0
        for command in commands
    )


def main(names: list[str]) -> int:
    """Runs the named environments; returns 1 if one of them fails."""
    unknown = set(names) - set(ENVIRONMENTS)
    if unknown:
        print(f"unknown: {unknown}; known: {list(ENVIRONMENTS)}")
        return 2
    failed = []
    for name in names or ENVIRONMENTS:
        with tempfile.TemporaryDirectory() as folder:
            if not run(name, ENVIRONMENTS[name], Path(folder)):
                failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
