"""The arrows between packages, and what importing costs."""

import ast
import json
import subprocess
import sys

import pytest

from tests.support.paths import REPOSITORY

# What each package may import of this repository, beside itself.
ALLOWED = {
    "keras_lpips": set(),
    "tfds_bapps": set(),
    "keras_lpips_cli": {"keras_lpips"},
    "saved_models": {"keras_lpips", "keras_lpips_cli"},
    "pipelines": {
        *("keras_lpips", "keras_lpips_cli", "tfds_bapps"),
        "saved_models.client",
    },
    "training": {"keras_lpips", "keras_lpips_cli", "tfds_bapps", "pipelines"},
    "examples": {
        *("keras_lpips", "keras_lpips_cli", "tfds_bapps"),
        *("pipelines", "training", "saved_models"),
    },
    "benchmarks": {
        *("keras_lpips", "keras_lpips_cli", "tfds_bapps"),
        *("pipelines", "training", "saved_models"),
        "tests.support",
    },
    "tests": {"tests.support"},
}
# Single files that may import more, and why.
EXCEPTIONS = {
    # The export of a run reads it as training does.
    "saved_models/store/exporter.py": {"training.run.run_loading"},
}
OURS = set(ALLOWED) - {"tests"}
# The metric runs on any backend of Keras. These files compile for one, leave
# its graph or put assertions into it, or run an export, which holds
# TensorFlow's operations whatever Keras runs on.
BACKENDS = {"tensorflow", "jax", "torch"}
MAY_IMPORT_BACKENDS = {
    "keras_lpips/inference/jit.py",
    "keras_lpips/inference/saved_model.py",
    "keras_lpips/layers/isolation.py",
    "keras_lpips/layers/runtime_checks.py",
}
# Imported before flags are parsed.
LIGHT_MODULES = {
    "keras_lpips_cli.errors",
    "keras_lpips_cli.options",
    "keras_lpips_cli.program",
}
HEAVY = {
    "apache_beam",
    "cv2",
    "jax",
    "keras",
    "matplotlib",
    "scipy",
    "skimage",
    "tensorflow",
    "tensorflow_datasets",
    "torch",
}


def python_files(package):
    """Returns the files of a package; a dataset's own test is TFDS's."""
    files = [
        path
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        if not path.name.endswith("_test.py")
    ]
    assert files, f"{package} has no Python files"
    return files


def imported(path):
    """Returns the modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_within(module, packages):
    return any(
        module == package or module.startswith(f"{package}.")
        for package in packages
    )


@pytest.mark.parametrize("package", sorted(OURS))
def test_packages_import_only_what_they_may(package):
    for path in python_files(package):
        name = path.relative_to(REPOSITORY).as_posix()
        allowed = {package} | ALLOWED[package] | EXCEPTIONS.get(name, set())
        for module in imported(path):
            if is_within(module, ALLOWED):
                # `from tests import support` names a prefix first.
                fine = is_within(module, allowed) or any(
                    is_within(one, {module}) for one in allowed
                )
                assert fine, f"{name} imports {module}"


def test_tests_import_no_other_tests():
    for path in python_files("tests"):
        for module in imported(path):
            if module != "tests" and is_within(module, {"tests"}):
                name = path.relative_to(REPOSITORY)
                assert is_within(module, {"tests.support"}), (
                    f"{name} imports {module}"
                )


@pytest.mark.parametrize(
    "name", sorted(EXCEPTIONS.keys() | MAY_IMPORT_BACKENDS)
)
def test_the_files_of_the_lists_exist(name):
    assert (REPOSITORY / name).is_file()


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exceptions_are_needed(name):
    assert EXCEPTIONS[name] <= imported(REPOSITORY / name)


def test_the_metric_computes_with_keras_alone():
    for path in python_files("keras_lpips"):
        name = path.relative_to(REPOSITORY).as_posix()
        found = {module.split(".")[0] for module in imported(path)}
        assert bool(BACKENDS & found) == (name in MAY_IMPORT_BACKENDS), name


def test_importing_the_metric_adds_nothing_heavy_to_keras():
    added = modules_added("import keras", "import keras_lpips")
    assert "keras_lpips" in added
    assert not HEAVY & added


@pytest.mark.parametrize("module", sorted(LIGHT_MODULES))
def test_modules_that_come_before_the_flags_are_light(module):
    added = modules_added("", f"import {module}")
    assert "keras_lpips_cli" in added
    assert not HEAVY & added


def modules_added(before, statement):
    """Returns the packages that a statement loads, after another."""
    code = (
        f"import json, sys; {before or 'pass'}; before = set(sys.modules); "
        f"{statement}; added = set(sys.modules) - before; "
        "print(json.dumps(sorted({x.split('.')[0] for x in added})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))
