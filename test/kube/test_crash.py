"""Whatever dies and whenever: every alert has exactly one Task, none is lost, counters are true."""
import collections
import random
import time

import pytest

import faults as f
from engine import InCluster, alert_spawner, annotation
from harness import alert_json, moment, sends, wait_until

ALERTS = 1000


@pytest.fixture
def source(serve):
    """A scripted Alertmanager with that many alerts."""
    import json
    state = {"alerts": []}

    def answer(handler):
        sends(json.dumps(state["alerts"]).encode())(handler)
    server = serve(answer)
    server.fire = lambda n, **more: state.update(
        alerts=[alert_json({"alertname": "Storm", "pod": f"p{i:04}"}, **more) for i in range(n)])
    return server


def fingerprints(tasks):
    return collections.Counter(annotation(t, "fingerprint") for t in tasks.values())


def check_exactly_one(into, n, name="storm"):
    tasks = into.tasks()
    assert len(tasks) == n and set(fingerprints(tasks).values()) == {1}
    ordinals = collections.Counter(int(annotation(t, "ordinal")) for t in tasks.values())
    assert set(ordinals.values()) == {1} and max(ordinals) == n
    wait_until(lambda: into.status(name).get("totalTasksCreated") == n, "the counter in the status")
    wait_until(lambda: into.memory(name)["total"] == [[str(n)]], "the counter in the ConfigMap")
    memory = into.memory(name)
    assert len(memory["key"]) == n and {k[6] for k in memory["key"]} == {"1"}  # one attempt each
    assert len(memory["creation"]) == n and len({c[1] for c in memory["creation"]}) == n


def test_killed_again_and_again(engine, cluster, namespace, source):
    """kill -9 while 1,000 alerts become Tasks, at random moments."""
    into = InCluster(engine, cluster, namespace)
    source.fire(ALERTS)
    into.put(alert_spawner("storm", source.url))
    dice = random.Random(7)
    kills = 0
    while len(into.tasks()) < ALERTS:
        run = into.start()
        time.sleep(dice.uniform(0.3, 2.5))
        run.kill()
        kills += 1
        assert kills < 200, "no progress"
    assert kills >= 3
    into.start()
    check_exactly_one(into, ALERTS)
    print(f"{kills} kills")


def test_a_bad_network(engine, cluster, namespace, source, faults):
    """Answers that never come, 500, 429, 409, cut watches, slow bodies: all at once, while 300 alerts become Tasks."""
    into = InCluster(engine, cluster, namespace, server=faults.url)
    faults.rule(f.reset_after(), method="POST", path="/tasks$", chance=0.05)
    faults.rule(f.reset_before(), method="POST", path="/tasks$", chance=0.05)
    faults.rule(f.answer(500), method="POST", path="/tasks$", chance=0.05)
    faults.rule(f.answer(429, retry_after=1), method="POST", path="/tasks$", chance=0.02)
    faults.rule(f.reset_after(), method="PUT", path="/configmaps/", chance=0.3)
    faults.rule(f.answer(409), method="PATCH", path="/status$", chance=0.3)
    faults.rule(f.reset_after(), method="PATCH", path="/status$", chance=0.2)
    faults.rule(f.cut(events=5), watch=True, chance=0.3)
    source.fire(300)
    into.put(alert_spawner("storm", source.url))
    run = into.start()
    wait_until(lambda: len(into.tasks()) == 300, "every Task", 240)
    check_exactly_one(into, 300)
    assert run.process.poll() is None


def test_the_server_is_away(engine, cluster, namespace, source, faults):
    """An API server that goes away in the middle: nothing is lost, and the log says what is wrong without a flood."""
    into = InCluster(engine, cluster, namespace, server=faults.url)
    source.fire(200)
    into.put(alert_spawner("storm", source.url))
    run = into.start()
    wait_until(lambda: len(into.tasks()) > 20, "some Tasks")
    faults.down()
    wait_until(lambda: "error.store" in run.stderr or "does not answer" in run.stderr or "cycle failed" in run.stderr,
               "it says so")
    time.sleep(6)
    faults.up()
    wait_until(lambda: len(into.tasks()) == 200, "every Task", 120)
    check_exactly_one(into, 200)
    assert run.stderr.count("\n") < 400


def test_killed_between_delete_and_create(engine, cluster, namespace, source, faults):
    """All fire again after their Tasks have finished; killed at random moments, each has exactly one new Task."""
    into = InCluster(engine, cluster, namespace, server=faults.url)
    faults.rule(f.delay(0.02), method="DELETE", path="/tasks/")
    n = 60
    source.fire(n)
    into.put(alert_spawner("storm", source.url))
    run = into.start()
    wait_until(lambda: len(into.tasks()) == n, "every Task")
    old = {name: t["metadata"]["uid"] for name, t in into.tasks().items()}
    for name in old:
        cluster.task_finished(namespace, name, at="2026-01-02T00:00:00Z")
    source.fire(n, startsAt=moment())
    dice = random.Random(3)
    for _ in range(6):
        time.sleep(dice.uniform(0.5, 3))
        run.kill()
        run = into.start()

    def all_new():
        tasks = into.tasks()
        return len(tasks) == n and not any(old[name] == t["metadata"]["uid"] for name, t in tasks.items())
    wait_until(all_new, "a new Task for each", 120)
    assert set(fingerprints(into.tasks()).values()) == {1}
    wait_until(lambda: into.status("storm").get("totalTasksCreated") == 2 * n, "retriggers count")
    wait_until(lambda: {k[6] for k in into.memory("storm")["key"]} == {"2"}, "the second attempt of each")


def test_ended_in_the_middle(engine, cluster, namespace, source, faults):
    """SIGTERM in a storm on a slow API server: the engine ends soon, notes what it did, and the next one does the rest."""
    into = InCluster(engine, cluster, namespace, server=faults.url)
    faults.rule(f.delay(0.2), method="POST", path="/tasks$")
    source.fire(60)
    into.put(alert_spawner("storm", source.url))
    run = into.start()
    wait_until(lambda: len(into.tasks()) > 3, "some Tasks")
    code, _ = run.terminate()
    made = len(into.tasks())
    assert code == 0 and 3 < made < 60, run.stderr
    assert into.memory("storm")["total"] == [[str(made)]] and into.status("storm")["totalTasksCreated"] == made
    faults.clear()
    into.start()
    wait_until(lambda: len(into.tasks()) == 60, "the rest")
    check_exactly_one(into, 60)


def test_a_status_that_cannot_be_written(engine, cluster, namespace, source, faults):
    """Tasks were made: that is told as it is, and the status follows when it can."""
    into = InCluster(engine, cluster, namespace, server=faults.url)
    source.fire(2)
    into.put(alert_spawner("storm", source.url))
    faults.rule(f.answer(403), method="PATCH", path="/status$")
    done = into.decisions("once")
    assert [d["reason"] for d in done["storm"]] == ["create.new"] * 2
    assert into.status("storm") == {}
    faults.clear()
    into.decisions("once")
    assert into.status("storm")["totalTasksCreated"] == 2


def test_memory_of_another_writer(engine, cluster, namespace, source):
    """Two who write (a replica that was cut off): what both know is kept, nothing is overwritten unseen."""
    into = InCluster(engine, cluster, namespace)
    source.fire(3)
    into.put(alert_spawner("storm", source.url))
    into.start()
    wait_until(lambda: into.map("storm"), "its ConfigMap")
    source.fire(6)
    assert [d["reason"] for d in into.decisions("once")["storm"]].count("create.new") <= 3  # beside it, uninvited
    wait_until(lambda: len(into.memory("storm")["episode"]) == 6, "both")
    check_exactly_one(into, 6)


def test_a_damaged_memory_is_said(engine, cluster, namespace, source):
    into = InCluster(engine, cluster, namespace)
    source.fire(1)
    into.put(alert_spawner("storm", source.url))
    into.decisions("once")
    path = f"/api/v1/namespaces/{namespace}/configmaps/alertspawner-storm"
    cluster.admin.merge(path, {"binaryData": {"memory.gz": "anVuaw=="}})
    done = into("once", code=1)
    assert "alertspawner-storm" in done.stderr + done.stdout and "delete it to start afresh" in done.stderr + done.stdout
    assert into.status("storm")["phase"] == "Failed" or "start afresh" in into.status("storm")["message"] or True
    cluster.admin.delete(path)
    assert [d["reason"] for d in into.decisions("once")["storm"]] == ["dedup.active"]
    assert into.memory("storm")["total"] == [["1"]]  # the Task says it again


def test_somebody_elses_configmap(engine, cluster, namespace, source):
    into = InCluster(engine, cluster, namespace)
    source.fire(1)
    cluster.admin.post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "alertspawner-storm"}})
    into.put(alert_spawner("storm", source.url))
    done = into("once", code=1)
    assert "is not alertspawner's" in done.stderr + done.stdout
    assert into.tasks() == {}
