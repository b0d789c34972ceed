"""What somebody sees who has kubectl and nothing else: the table, the conditions and the events of spawners that are well
and of spawners that are not. The engine has a token of the ServiceAccount that deploy/ gives it."""
import re

import pytest

import cluster as kube
from engine import OURS, alert_spawner
from harness import wait_until

PATH = "/apis/kelos.dev/v1alpha2/namespaces/{}/tasks"
SECRET = "sw0rdfish"


@pytest.fixture
def seen(cluster, deployed, engine, am):
    """An engine, and what kubectl says once every spawner of a name that is given has been told about."""
    ns = deployed.namespace
    config = deployed.kubeconfig(engine.directory / "kubeconfig")

    class Seen:
        run = None

        def put(self, name, *args, **more):
            cluster.admin.post(OURS.format(ns) + "?fieldValidation=Strict", alert_spawner(name, *args, **more))
            if self.run is None:
                self.run = engine.start("run", "--store", "kube", "--kubeconfig", config, "--listen", "none")

        def row(self, name):
            """{column: value} of kubectl get"""
            head, line = cluster.kubectl("get", "asp", name, "-n", ns, "-o", "wide").stdout.splitlines()
            at = [m.start() for m in re.finditer(r"\S+( \S+)*", head)] + [None]
            return {head[a:b].strip(): line[a:b].strip() for a, b in zip(at, at[1:])}

        def wait(self, name, **columns):
            wanted = {k.replace("_", " "): v for k, v in columns.items()}

            def there():
                row = self.row(name)
                return row if wanted.items() <= row.items() else None
            try:
                return wait_until(there, f"{name}: {wanted}")
            except AssertionError as late:
                raise AssertionError(f"{late}; it is {self.row(name)}\n{self.run.stderr[-2000:]}") from None

        def describe(self, name, *pieces):
            """Until kubectl describe has all these texts."""
            def there():
                text = cluster.kubectl("describe", "asp", name, "-n", ns).stdout
                return text if all(piece in text for piece in pieces) else None
            try:
                return wait_until(there, f"describe {name} has {pieces}", 30)
            except AssertionError as late:
                raise AssertionError(f"{late}:\n{cluster.kubectl('describe', 'asp', name, '-n', ns).stdout}") from None
    s = Seen()
    s.ns = ns
    return s


def test_well(seen, am):
    am.fire({"alertname": "Disk", "pod": "a"})
    am.fire({"alertname": "Disk", "pod": "b"})
    seen.put("web", am.url)
    row = seen.wait("web", PHASE="Running", SOURCE="True", POLICY="True", ERROR="False", ALERTS="2", ACTIVE="2", TASKS="2")
    assert row["URL"] == am.url and row["SUSPEND"] == "false" and row["LAST POLL"].endswith("s")
    assert "created 2" in row["MESSAGE"]
    seen.describe("web", "TaskCreated", "for Disk (", "create.new")


def test_told_to_wait_and_to_go_on(seen, am, cluster):
    am.fire({"alertname": "Disk"})
    seen.put("web", am.url, suspend=True)
    assert seen.wait("web", PHASE="Suspended")["TASKS"] in ("", "0")
    cluster.kubectl("patch", "asp", "web", "-n", seen.ns, "--type", "merge", "-p", '{"spec":{"suspend":false}}')
    seen.wait("web", PHASE="Running", TASKS="1")
    cluster.kubectl("patch", "asp", "web", "-n", seen.ns, "--type", "merge", "-p", '{"spec":{"suspend":true}}')
    seen.wait("web", PHASE="Suspended", TASKS="1")


def test_nobody_answers(seen, am):
    am.fire({"alertname": "Disk"})
    seen.put("web", am.url)
    seen.wait("web", SOURCE="True", TASKS="1")
    am.stop()
    row = seen.wait("web", SOURCE="False", PHASE="Failed", ERROR="True")
    assert "no connection" in row["MESSAGE"] and row["TASKS"] == "1", row
    seen.describe("web", "SourceUnreachable", "no connection")
    am.start()
    seen.wait("web", SOURCE="True", PHASE="Running", ERROR="False")


def test_no_secret_and_a_wrong_one(seen, am, cluster):
    seen.put("web", am.url, {"secretRef": {"name": "am"}})
    assert f"no Secret {seen.ns}/am" in seen.wait("web", SOURCE="False")["MESSAGE"]
    cluster.admin.post(f"/api/v1/namespaces/{seen.ns}/secrets", {
        "metadata": {"name": "am"}, "stringData": {"ALERTMANAGER_TOKEN": SECRET, "ALERTMANAGER_USER": SECRET}})
    text = seen.describe("web", "ALERTMANAGER_")
    assert SECRET not in text
    cluster.admin.merge(f"/api/v1/namespaces/{seen.ns}/secrets/am", {"data": {"ALERTMANAGER_USER": None}})
    seen.wait("web", SOURCE="True", PHASE="Running")
    everything = cluster.kubectl("get", "asp,tasks,configmaps,events", "-n", seen.ns, "-o", "yaml").stdout + seen.run.stderr
    assert SECRET not in everything


def test_a_policy_that_is_not_there(seen, am):
    am.fire({"alertname": "Disk"})
    seen.put("web", am.url, annotations={"alerts.kelos.dev/policy": "nosuch"})
    row = seen.wait("web", POLICY="False", ERROR="True", TASKS="0")
    assert "nosuch" in row["MESSAGE"]
    seen.describe("web", "PolicyNotReady", 'no policy is named "nosuch"')


def test_a_limit(seen, am):
    am.fire({"alertname": "Disk", "pod": "a"})
    am.fire({"alertname": "Disk", "pod": "b"})
    seen.put("total", am.url, maxTotalTasks=1)
    seen.put("hour", am.url, limits={"perHour": 1})
    for name in ("total", "hour"):
        row = seen.wait(name, TASKS="1", ERROR="False", ALERTS="2")
        assert "1 waits for a limit" in row["MESSAGE"]
        seen.describe(name, "LimitReached")
    seen.describe("total", "has reached maxTotalTasks (1)")


def test_what_only_the_engine_can_tell(seen, am):
    """The CRD does not look into podOverrides to the bottom."""
    am.fire({"alertname": "Disk"})
    seen.put("web", am.url, template={"podOverrides": {"env": [{"nam": "x"}]}})
    row = seen.wait("web", PHASE="Failed", ERROR="True")
    assert 'podOverrides.env[0].nam: unknown field; did you mean "name"?' in row["MESSAGE"]
    assert row["TASKS"] in ("", "0")


def test_a_template_that_fails(seen, am):
    am.fire({"alertname": "Disk"})
    seen.put("web", am.url, template={"promptTemplate": "{{.Alert.labels.nosuch}}"})
    row = seen.wait("web", PHASE="Running", SOURCE="True", ERROR="True", ALERTS="1", TASKS="0")
    assert "error.template" in row["MESSAGE"] and "nosuch" in row["MESSAGE"]


def test_a_name_that_is_taken(seen, am, cluster):
    am.fire({"alertname": "Disk"})
    cluster.admin.post(PATH.format(seen.ns), {
        "apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "taken"},
        "spec": {"type": "codex", "prompt": "mine", "credentials": {"type": "none"}}})
    seen.put("web", am.url, template={"nameTemplate": "taken"})
    row = seen.wait("web", ERROR="True", TASKS="0")
    assert "collides with an existing Task not owned by spawner web" in row["MESSAGE"]
    seen.describe("web", "TaskCollision")
    assert cluster.tasks(seen.ns)["taken"]["spec"]["prompt"] == "mine"


def test_a_namespace_that_is_full(seen, am, cluster):
    """A quota refuses the second Task: said, and tried again until there is room."""
    cluster.admin.post(f"/api/v1/namespaces/{seen.ns}/resourcequotas", {
        "metadata": {"name": "one"}, "spec": {"hard": {"count/tasks.kelos.dev": "1"}}})
    # there is no controller here that would count
    cluster.admin.merge(f"/api/v1/namespaces/{seen.ns}/resourcequotas/one/status", {
        "status": {"hard": {"count/tasks.kelos.dev": "1"}, "used": {"count/tasks.kelos.dev": "0"}}})
    am.fire({"alertname": "Disk", "pod": "a"})
    am.fire({"alertname": "Disk", "pod": "b"})
    seen.put("web", am.url)
    row = seen.wait("web", ERROR="True", TASKS="1")
    assert "exceeded quota" in row["MESSAGE"], row
    seen.describe("web", "TaskCreationFailed", "exceeded quota")
    cluster.admin.delete(f"/api/v1/namespaces/{seen.ns}/resourcequotas/one")
    seen.wait("web", ERROR="False", TASKS="2")


def test_a_retrigger(seen, am, cluster):
    am.fire({"alertname": "Disk"})
    seen.put("web", am.url)
    seen.wait("web", TASKS="1", ACTIVE="1")
    (name, task), = cluster.tasks(seen.ns).items()
    cluster.task_finished(seen.ns, name, at=kube.now(-5))
    seen.wait("web", TASKS="1", ACTIVE="0")
    am.refire({"alertname": "Disk"})
    seen.wait("web", TASKS="2", ACTIVE="1")
    seen.describe("web", "retrigger")
    assert cluster.tasks(seen.ns)[name]["metadata"]["uid"] != task["metadata"]["uid"]
