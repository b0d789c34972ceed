"""1,000 alerts fire while engines are killed and stopped and the API server misbehaves: every alert has exactly one Task,
and none is lost. Two replicas, each with nothing but a token of the ServiceAccount that deploy/ gives them, through the
fault proxy."""
import contextlib
import os
import random
import signal
import time
import urllib.request

import pytest

import cluster as kube
import faults as proxy
import harness
import test_rbac
import test_replicas
from engine import alert_spawner
from harness import wait_until

OURS = "/apis/alerts.kelos.dev/v1alpha1/namespaces/{}/alertspawners"
PATIENCE = 400


class Fleet:
    """Replicas of one deployment; one that is killed comes back, as a Pod does."""

    def __init__(self, one, n, server):
        self.one, self.server, self.runs = one, server, []
        for i in range(n):
            self.runs.append(None)
            self.start(i)

    def start(self, i):
        self.runs[i] = self.one.start(f"replica{i}-{time.monotonic_ns()}", self.server)

    def running(self):
        for i, run in enumerate(self.runs):
            assert run.process.poll() is None, f"replica {i} ended by itself:\n{run.stderr[-3000:]}"

    def wait(self, condition, what):
        """What condition() returned once it was true, while all run."""
        def check():
            self.running()
            return condition()
        try:
            return wait_until(check, what, PATIENCE)
        except AssertionError as late:
            raise AssertionError(str(late) + "".join(f"\n--- replica {i}\n{r.stderr[-1500:]}" for i, r in enumerate(self.runs))) from None

    def leads(self, i):
        try:
            with urllib.request.urlopen(self.runs[i].url + "/metrics", timeout=1) as answer:
                return b"\nalertspawner_leader 1\n" in answer.read()
        except OSError:
            return False  # it stands still

    def leader(self, other_than=None):
        """Which of them leads, once one does."""
        return self.wait(lambda: [i for i in range(len(self.runs)) if i != other_than and self.leads(i)], "somebody leads")[0]

    def kill(self, i):
        """As the OOM killer does, and back again."""
        self.running()
        self.runs[i].kill()
        self.start(i)

    def stop(self, i):
        os.kill(self.runs[i].pid, signal.SIGSTOP)

    def wake(self, i):
        os.kill(self.runs[i].pid, signal.SIGCONT)


@pytest.fixture
def replicas(cluster, deployed, tmp_path):
    one = test_replicas.Replicas(cluster, deployed, tmp_path)
    yield lambda n, server=None: Fleet(one, n, server)
    for engine in one.engines:
        for run in engine.runs:
            text = run.stderr
            assert "AddressSanitizer" not in text and "runtime error:" not in text, text[-4000:]
    one.close()


def fire_many(am, names, group="storm", starts_at=None):
    """All of them in one request, and until Alertmanager shows them."""
    am.ask("POST", "/alerts", [{"labels": {"alertname": "Storm", "group": group, "pod": n}, "annotations": {"summary": n},
                                "startsAt": starts_at or harness.moment(-60), "endsAt": harness.moment(7200)} for n in names])
    want = set(names)
    wait_until(lambda: want <= {a["labels"].get("pod") for a in am.ask("GET", "/alerts?active=true")}, "they all fire")


def by_fingerprint(tasks):
    found = {}
    for task in tasks.values():
        found.setdefault(task["metadata"]["annotations"]["alerts.kelos.dev/fingerprint"], []).append(task)
    return found


def created(cluster, deployed):
    """Tasks that the API server has created for the engines, and deleted: by its own audit log."""
    seen = cluster.audit(deployed.user)
    return (sum(n for (verb, what, _, code), n in seen.items() if (verb, what, code) == ("create", "tasks.kelos.dev", 201)),
            sum(n for (verb, what, _, code), n in seen.items() if (verb, what, code) == ("delete", "tasks.kelos.dev", 200)))


def check_one_each(cluster, deployed, am, name="storm"):
    """Exactly one Task for every alert that fires, and the counter knows them all."""
    tasks = cluster.tasks(deployed.namespace)
    found = by_fingerprint(tasks)
    assert set(found) == set(am.alerts())
    assert all(len(t) == 1 for t in found.values())
    for task in tasks.values():
        assert task["metadata"]["labels"]["kelos.dev/taskspawner"] == name
    return tasks


def polls(cluster, deployed, name="storm"):
    return cluster.admin.get(OURS.format(deployed.namespace) + "/" + name).get("status", {}).get("completedPolls", 0)


def more_polls(cluster, deployed, n, name="storm"):
    before = polls(cluster, deployed, name)
    wait_until(lambda: polls(cluster, deployed, name) >= before + n, f"{n} polls more", PATIENCE)


def misbehave(faults):
    """What goes wrong from now on, and how often."""
    faults.rule(proxy.reset_after(), method="POST", path="/tasks$", chance=0.05)
    faults.rule(proxy.reset_before(), method="POST", path="/tasks$", chance=0.03)
    faults.rule(proxy.answer(429, retry_after=1), path="/(tasks|alertspawners|configmaps)", watch=False, chance=0.03)
    faults.rule(proxy.answer(500), path="/(tasks|alertspawners|configmaps)", watch=False, chance=0.03)
    faults.rule(proxy.answer(409), method="PATCH", path="/status$", chance=0.1)
    faults.rule(proxy.answer(409), method="PUT", path="/configmaps/", chance=0.1)
    faults.rule(proxy.slow(200, 0.01), method="GET", path="/tasks/", chance=0.1)
    faults.rule(proxy.cut(events=40, middle=True), watch=True, chance=0.3)
    faults.rule(proxy.gone(), watch=True, chance=0.05)


def test_a_thousand_alerts_while_everything_breaks(cluster, deployed, am, replicas, faults):
    chance = random.Random(1)
    first, second = [f"a{i}" for i in range(500)], [f"b{i}" for i in range(500)]
    cluster.admin.post(OURS.format(deployed.namespace) + "?fieldValidation=Strict", alert_spawner("storm", am.url))
    fire_many(am, first)
    misbehave(faults)
    engines = replicas(2, faults.url)

    def count():
        return len(cluster.tasks(deployed.namespace))
    engines.wait(lambda: count() > 50, "the first Tasks")
    for _ in range(3):  # kill -9 of whoever leads, in the middle of its work
        leader = engines.leader()
        engines.kill(leader)
        time.sleep(chance.uniform(0.5, 3))
    fire_many(am, second)
    faults.down()
    time.sleep(4)
    faults.up()
    # the leader stands still past its Lease, and wakes as if nothing had been
    leader = engines.leader()
    engines.stop(leader)
    engines.leader(other_than=leader)
    time.sleep(2)
    engines.wake(leader)
    engines.wait(lambda: count() >= 1000, "1,000 Tasks")
    engines.kill(chance.randrange(2))
    faults.clear()
    more_polls(cluster, deployed, 3)
    engines.running()
    tasks = check_one_each(cluster, deployed, am)
    assert len(tasks) == 1000
    assert created(cluster, deployed) == (1000, 0), "some Task was created, went, and was created again"
    status = cluster.admin.get(OURS.format(deployed.namespace) + "/storm")["status"]
    assert (status["totalTasksCreated"], status["activeTasks"], status["totalDiscovered"]) == (1000, 1000, 1000)


def test_retriggers_while_everything_breaks(cluster, deployed, am, replicas, faults):
    """Finished Tasks whose alerts fire anew are replaced once each, whoever does it and however often it is tried."""
    names = [f"a{i}" for i in range(120)]
    cluster.admin.post(OURS.format(deployed.namespace) + "?fieldValidation=Strict", alert_spawner("storm", am.url))
    fire_many(am, names)
    engines = replicas(2, faults.url)
    engines.wait(lambda: len(cluster.tasks(deployed.namespace)) == len(names), "a Task each")
    before = {t["metadata"]["uid"] for t in cluster.tasks(deployed.namespace).values()}
    again = set(names[:60])
    for name, task in cluster.tasks(deployed.namespace).items():
        # Kelos keeps a Task until its Job is gone: the name is free a while after the deletion only
        cluster.admin.merge(f"/apis/kelos.dev/v1alpha2/namespaces/{deployed.namespace}/tasks/{name}",
                            {"metadata": {"finalizers": ["kelos.dev/finalizer"]}})
        cluster.task_finished(deployed.namespace, name, at=kube.now(-30))
    misbehave(faults)
    faults.rule(proxy.reset_after(), method="DELETE", path="/tasks/", chance=0.1)
    now = harness.moment(-1)
    am.ask("POST", "/alerts", [{"labels": {"alertname": "Storm", "group": "storm", "pod": n}, "startsAt": harness.moment(-60),
                                "annotations": {"summary": n}, "endsAt": harness.moment(-2)} for n in again])
    wait_until(lambda: not again & {a["labels"]["pod"] for a in am.ask("GET", "/alerts?active=true")}, "they resolve")
    fire_many(am, sorted(again), starts_at=now)
    killed = time.monotonic()

    def finalize():
        """The controller lets go of what is being deleted, now and then."""
        nonlocal killed
        for name, task in cluster.tasks(deployed.namespace).items():
            if "deletionTimestamp" in task["metadata"] and random.random() < 0.3:
                with contextlib.suppress(kube.Status):
                    cluster.admin.merge(f"/apis/kelos.dev/v1alpha2/namespaces/{deployed.namespace}/tasks/{name}",
                                        {"metadata": {"finalizers": None}})
        if time.monotonic() - killed > 8 and len(faults.rules) > 0:
            engines.kill(random.randrange(2))
            killed = time.monotonic()
        fresh = [t for t in cluster.tasks(deployed.namespace).values() if t["metadata"]["uid"] not in before]
        if len(fresh) >= 40:
            faults.clear()
        return len(fresh) >= len(again)
    engines.wait(finalize, "60 new Tasks")
    more_polls(cluster, deployed, 2)
    tasks = check_one_each(cluster, deployed, am)
    fresh = {t["metadata"]["annotations"]["alerts.kelos.dev/fingerprint"] for t in tasks.values()
             if t["metadata"]["uid"] not in before}
    assert fresh == {f for f, a in am.alerts().items() if a["labels"]["pod"] in again}
    made, deleted = created(cluster, deployed)
    assert made == len(names) + len(again)
    status = cluster.admin.get(OURS.format(deployed.namespace) + "/storm")["status"]
    assert status["totalTasksCreated"] == made


def test_what_it_asks_for(cluster, deployed, am, replicas):
    """After a life with everything in it: nothing was refused, and nothing is granted that is never used."""
    ns = deployed.namespace
    cluster.admin.post(f"/api/v1/namespaces/{ns}/secrets", {"metadata": {"name": "am"}, "stringData": {"ALERTMANAGER_TOKEN": "t"}})
    cluster.admin.post(OURS.format(ns), alert_spawner("storm", am.url, {"secretRef": {"name": "am"}}, maxConcurrency=2))
    fire_many(am, ["a", "b", "c"])
    engines = replicas(2)
    engines.wait(lambda: len(cluster.tasks(ns)) == 2, "two Tasks")
    name = next(iter(cluster.tasks(ns)))
    cluster.task_finished(ns, name, at=kube.now(-30))
    fingerprint = cluster.tasks(ns)[name]["metadata"]["annotations"]["alerts.kelos.dev/fingerprint"]
    am.refire(am.alerts()[fingerprint]["labels"])
    # a name that is taken is read and compared
    cluster.admin.post(f"/apis/kelos.dev/v1alpha2/namespaces/{ns}/tasks", {
        "apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "taken"},
        "spec": {"type": "codex", "prompt": "x", "credentials": {"type": "none"}}})
    cluster.admin.post(OURS.format(ns), alert_spawner("other", am.url, template={"nameTemplate": "taken"}))
    more_polls(cluster, deployed, 4)
    for run in engines.runs:
        assert run.terminate()[0] == 0
    # the log has a watch when it is over
    wait_until(lambda: ("watch", "alertspawners.alerts.kelos.dev", ns, 200) in cluster.audit(deployed.user), "the watches end")
    asked = cluster.audit(deployed.user)
    refused = {key: n for key, n in asked.items() if key[3] in (401, 403)}
    assert refused == {}
    used = {(verb, what) for verb, what, where, code in asked if where == ns}
    granted = test_rbac.granted(deployed.objects)
    assert used <= granted, used - granted
    # what is granted for a case that does not come about here
    spare = {("delete", "configmaps"),                              # wanted by an admission plugin, never done
             ("get", "alertspawners.alerts.kelos.dev"), ("get", "alertspawners.alerts.kelos.dev/status"),  # after a conflict
             ("get", "tasks.kelos.dev"),                            # a name taken between list and create
             ("patch", "events"),                                   # the same event once more
             ("update", "leases.coordination.k8s.io")}
    assert granted - used <= spare, granted - used - spare
