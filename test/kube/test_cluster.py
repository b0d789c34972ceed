"""The cluster that the other tests stand on is what they take it for."""
import subprocess
import time

import pytest

import cluster as kube

TASKS = "/apis/kelos.dev/v1alpha2/namespaces/{}/tasks"


def task(name, **spec):
    return {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": name},
            "spec": {"type": "claude-code", "prompt": "look", "credentials": {"type": "none"}, **spec}}


def without(document, *members):
    spec = {k: v for k, v in document["spec"].items() if k not in members}
    return {**document, "spec": spec}


POOL = {"workerPoolRef": {"name": "pool"}}

REFUSED = {
    "no prompt": (without(task("a"), "prompt"), "spec.prompt"),
    "an unknown agent": (task("a", type="hal"), "Unsupported value"),
    "no agent": (without(task("a"), "type"), "either workerPoolRef, worker with type, or type with credentials"),
    "no credentials": (without(task("a"), "credentials"), "either workerPoolRef, worker with type"),
    "no secret": (task("a", credentials={"type": "api-key"}), "secretRef is required"),
    "worker and type": (task("a", worker={"type": "codex", "credentials": {"type": "none"}}), "mutually exclusive"),
    "worker without credentials": (without(task("a", worker={"type": "codex"}), "type", "credentials"),
                                   "worker.credentials is required"),
    "pool and type": (task("a", **POOL), "mutually exclusive with inline type"),
    "pool and branch": (without(task("a", branch="b", **POOL), "type", "credentials"), "branch is not supported with"),
    "ttl": (task("a", ttlSecondsAfterFinished=-1), "greater than or equal to 0"),
    "a label": ({**task("a"), "metadata": {"name": "a", "labels": {"l": "no spaces"}}}, "a valid label must"),
    "a name": (task("No"), "RFC 1123"),
    "unknown": (task("a", promt="x"), 'unknown field "spec.promt"'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_task_rules(cluster, case):
    document, sentence = REFUSED[case]
    with pytest.raises(kube.Status) as refused:
        cluster.admin.post(TASKS.format("default") + "?fieldValidation=Strict", document)
    assert sentence in str(refused.value)
    assert refused.value.code in (400, 422)


def test_task_is_immutable(cluster, namespace):
    path = TASKS.format(namespace)
    cluster.admin.post(path, task("a", branch="b"))
    cluster.admin.post(path, without(task("pooled", **POOL), "type", "credentials"))
    with pytest.raises(kube.Status, match="Task spec is immutable"):
        cluster.admin.merge(path + "/a", {"spec": {"branch": "c"}})
    cluster.admin.merge(path + "/a", {"metadata": {"annotations": {"a": "b"}}})
    cluster.task_running(namespace, "a")
    cluster.task_finished(namespace, "a")
    assert cluster.tasks(namespace)["a"]["status"]["phase"] == "Succeeded"


def test_taskspawner_drops_what_it_does_not_know(cluster, namespace):
    document = {"apiVersion": "kelos.dev/v1alpha2", "kind": "TaskSpawner", "metadata": {"name": "s"},
                "spec": {"when": {"prometheusAlerts": {"url": "http://am"}}, "taskTemplate": {"type": "codex", "credentials": {"type": "none"}}}}
    path = f"/apis/kelos.dev/v1alpha2/namespaces/{namespace}/taskspawners"
    assert cluster.admin.post(path, document)["spec"]["when"] == {}
    with pytest.raises(kube.Status, match="unknown field"):
        cluster.admin.post(path + "?fieldValidation=Strict", document)
    cluster.adopt()
    document["metadata"]["name"] = "adopted"
    adopted = kube.wait_until(lambda: cluster.admin.post(path + "?dryRun=All", document)["spec"]["when"], "the new schema")
    assert adopted == {"prometheusAlerts": {"url": "http://am"}}
    cluster.adopt(False)


def test_accounts_have_no_rights_and_are_watched(cluster, namespace):
    cluster.service_account(namespace, "nobody")
    client = cluster.client(cluster.token(namespace, "nobody"))
    with pytest.raises(kube.Status) as refused:
        client.get(TASKS.format(namespace))
    assert refused.value.code == 403
    client.close()
    seen = kube.wait_until(lambda: cluster.audit(f"system:serviceaccount:{namespace}:nobody"), "an audit record")
    assert dict(seen) == {("list", "tasks.kelos.dev", namespace, 403): 1}
    with pytest.raises(kube.Status) as refused:
        cluster.client("nonsense").get(TASKS.format(namespace))
    assert refused.value.code == 401


def test_kubectl(cluster, namespace, tmp_path):
    cluster.apply(task("by-kubectl"), namespace=namespace)
    assert "by-kubectl" in cluster.kubectl("get", "tasks", "-n", namespace).stdout
    cluster.service_account(namespace, "nobody")
    config = cluster.kubeconfig(tmp_path / "config", token=cluster.token(namespace, "nobody"), namespace=namespace)
    assert "forbidden" in cluster.kubectl("get", "tasks", config=config, code=1).stderr


def test_nothing_stays(tmp_path):
    """Stopped, a cluster leaves no process and no data."""
    try:
        another = kube.Cluster(tmp_path / "another")
    except kube.Missing as why:
        pytest.skip(str(why))
    another.start()
    pids = [p.pid for p in another.processes]
    assert len(pids) == 2
    another.stop()
    assert not another.data.exists()
    time.sleep(0.1)
    assert subprocess.run(["ps", "-o", "pid=", "-p", ",".join(map(str, pids))], capture_output=True, text=True,
                          check=False).stdout == ""
