"""What we write survives Go: decoded into Kelos' types and encoded again it is the same Task, and the API server, for
which a Task's spec is immutable, takes the result with a finalizer, as from Kelos' controller."""
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

import cluster as kube
from engine import KELOS, InCluster
from harness import HERE as E2E, alert_json, sends, spawner

ROUNDTRIP = kube.HERE / "roundtrip"
POD = kube.HERE.parent.parent / "core" / "spawner" / "testdata" / "pod.yaml"


@pytest.fixture(scope="session")
def go(tmp_path_factory):
    """go(tasks): what Go makes of them."""
    found = shutil.which("go") or pytest.skip("no Go")
    version = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=True,
                             env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
    if int(re.match(r"go1\.(\d+)", version).group(1)) < 24:
        pytest.skip(f"Go here is {version.strip()}; 1.24 or later is needed")
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off", "CGO_ENABLED": "0"}
    got = subprocess.run([found, "mod", "download"], cwd=ROUNDTRIP, env=env, capture_output=True, text=True)
    if got.returncode != 0:
        assert "checksum" not in got.stderr and "SECURITY" not in got.stderr, got.stderr
        pytest.skip(f"the modules cannot be had: {got.stderr.strip().splitlines()[-1]}")
    binary = tmp_path_factory.mktemp("go") / "roundtrip"
    subprocess.run([found, "build", "-o", binary, "."], cwd=ROUNDTRIP, env=env, check=True)

    def run(tasks):
        done = subprocess.run([binary], input="".join(json.dumps(t) + "\n" for t in tasks), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
    return run


def documents(url):
    """One of each kind of taskTemplate."""
    flat = {"type": "codex", "credentials": {"type": "none"}, "promptTemplate": "{{.Title}}"}
    given = [*yaml.safe_load_all(POD.read_text())]
    for name in ("oom-remediator", "slo-investigator"):
        given += yaml.safe_load_all((E2E / "documents" / f"{name}.yaml").read_text())
    for d in given:
        when = d["spec"]["when"]["prometheusAlerts"]
        for member in ("alertNames", "labels", "severities", "excludeLabels", "secretRef"):
            when.pop(member, None)
        when["url"] = url
        d["metadata"].pop("namespace", None)
        yield d
    templates = {
        "empty": {"model": "", "effort": "", "image": "", "dependsOn": [], "podOverrides": {}, "upstreamRepo": "", "branch": ""},
        "zero": {"ttlSecondsAfterFinished": 0, "branch": "fix/{{.ID}}", "workspaceRef": {"name": "w"}},
        "lists": {"dependsOn": ["a", "b"], "agentConfigRef": {"name": "c"}},
        "policy": {"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}},
        "quantities": {"podOverrides": {"resources": {"limits": {"cpu": 1, "memory": "1024Mi"}, "requests": {"cpu": "0.5"}},
                                        "extraContainers": [{"name": "x", "image": "i", "ports": [{"containerPort": 80}]}]}},
    }
    for name, more in templates.items():
        yield {**spawner(name, url), "spec": {**spawner(name, url)["spec"], "taskTemplate": {**flat, **more}}}
    pool = spawner("pool", url)
    pool["spec"]["taskTemplate"] = {"workerPoolRef": {"name": "p"}, "promptTemplate": "{{.Body}}"}
    yield pool
    credentials = spawner("credentials", url, credentials=[{"name": "one", "type": "oauth", "secretRef": {"name": "s"}}])
    del credentials["spec"]["taskTemplate"]["credentials"]
    yield credentials


def test_go_writes_what_it_read(engine, cluster, namespace, serve, go):
    alerts = [alert_json({"alertname": "A<&>\u2028ß", "pod": "p"}, annotations={"summary": "a\x7f\ttab \U0001f600 {{x}}"})]
    source = serve(sends(json.dumps(alerts).encode()))
    into = InCluster(engine, cluster, namespace)
    written = list(documents(source.url))
    path = engine.write(*written)
    decided = into.decisions("once", "-f", path)
    assert {d["reason"] for ds in decided.values() for d in ds} == {"create.new"} and len(decided) == len(written) >= 10
    # As we sent them ...
    rendered = []
    for document in written:
        one = engine.write(document, name="one.yaml")
        alert = engine.directory / "alert.json"
        alert.write_text(json.dumps(alerts[0]))
        rendered.append(json.loads(engine("render", "-f", one, "--alert", alert, "-o", "json", code=0).stdout))
    for before, after in zip(rendered, go(rendered)):
        assert after["spec"] == before["spec"], before["metadata"]["name"]
        assert {k: v for k, v in after["metadata"].items() if k != "creationTimestamp"} == before["metadata"]
    # ... and as the API server has them: the controller's typed update, with its finalizer, is no change of the spec.
    tasks = list(into.tasks().values())
    assert len(tasks) == len(written)
    for before, after in zip(tasks, go(tasks)):
        after["metadata"]["finalizers"] = ["kelos.dev/finalizer"]
        name = before["metadata"]["name"]
        updated = cluster.admin.put(f"{KELOS.format(namespace, 'tasks')}/{name}", after)
        assert updated["metadata"]["finalizers"] == ["kelos.dev/finalizer"]
        assert updated["metadata"]["generation"] == before["metadata"]["generation"], name


def test_go_notices_what_does_not_survive(go):
    """The oracle can fail: the things the contract warns of."""
    task = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "a"},
            "spec": {"type": "codex", "prompt": "p", "branch": "", "dependsOn": [],
                     "podOverrides": {"resources": {"limits": {"cpu": "1000m"}}}}}
    after, = go([task])
    assert after["spec"] == {"type": "codex", "prompt": "p", "podOverrides": {"resources": {"limits": {"cpu": "1"}}}}
