"""Tasks, what is kept and the status of spawners, in a real API server with RBAC."""
import pytest

import cluster as kube
from engine import InCluster, alert_spawner, annotation
from harness import spawner, wait_until


@pytest.fixture
def into(engine, cluster, namespace):
    return InCluster(engine, cluster, namespace)


def test_once(into, am):
    am.fire({"alertname": "Disk", "pod": "a"}, {"summary": "full"})
    made = into.put(alert_spawner("disks", am.url))
    done = into.decisions("once")
    assert [d["reason"] for d in done["disks"]] == ["create.new"]
    (name, task), = into.tasks().items()
    assert name == done["disks"][0]["task"]
    meta = task["metadata"]
    assert meta["labels"] == {"kelos.dev/taskspawner": "disks"}
    assert meta["ownerReferences"] == [{"apiVersion": "alerts.kelos.dev/v1alpha1", "kind": "AlertSpawner", "name": "disks",
                                        "uid": made["metadata"]["uid"], "controller": True}]
    assert annotation(task, "ordinal") == "1" and annotation(task, "alertname") == "Disk"
    assert annotation(task, "fingerprint") == done["disks"][0]["fingerprint"]
    assert task["spec"]["prompt"].startswith("Disk\nsummary: full")
    status = into.status("disks")
    assert (status["phase"], status["totalTasksCreated"], status["activeTasks"], status["totalDiscovered"]) == \
        ("Running", 1, 1, 1)
    assert status["observedGeneration"] == 1 and status["completedPolls"] == 1
    conditions = {c["type"]: c["status"] for c in status["conditions"]}
    assert conditions == {"Suspended": "False", "DiscoveryError": "False", "SourceReachable": "True", "PolicyReady": "True",
                          "MaxTotalTasksReached": "False", "TaskBudgetExhausted": "False"}
    memory = into.memory("disks")
    assert memory["total"] == [["1"]] and len(memory["key"]) == len(memory["episode"]) == len(memory["creation"]) == 1
    assert into.map("disks")["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    # and again, by another process: the Task is there
    assert [d["reason"] for d in into.decisions("once")["disks"]] == ["dedup.active"]
    assert len(into.tasks()) == 1
    assert into.status("disks")["completedPolls"] == 2


def test_plan_writes_nothing(into, am, cluster):
    am.fire({"alertname": "Disk", "pod": "a"})
    into.put(alert_spawner("disks", am.url))
    assert [d["reason"] for d in into.decisions("plan")["disks"]] == ["create.new"]
    assert into.tasks() == {} and into.map("disks") is None and into.status("disks") == {}
    asked = cluster.audit(f"system:serviceaccount:{into.ns}:alertspawner")
    assert {verb for verb, *_ in asked} <= {"get", "list", "watch"}


def test_steady_alerts_write_status_alone(into, am):
    for pod in "abc":
        am.fire({"alertname": "Disk", "pod": pod})
    into.put(alert_spawner("disks", am.url))
    into.start()
    wait_until(lambda: into.status("disks").get("completedPolls", 0) >= 2, "two polls")
    before = into.map("disks")["metadata"]["resourceVersion"]
    polls = into.status("disks")["completedPolls"]
    wait_until(lambda: into.status("disks")["completedPolls"] >= polls + 2, "two polls more")
    assert into.map("disks")["metadata"]["resourceVersion"] == before
    am.fire({"alertname": "Disk", "pod": "d"})
    wait_until(lambda: into.map("disks")["metadata"]["resourceVersion"] != before, "a new alert is remembered")


def test_files_need_no_crd_object(into, am):
    am.fire({"alertname": "Disk", "pod": "a"})
    path = into.engine.write(spawner("filed", am.url, {"pollInterval": "5s"}, maxConcurrency=5))
    assert [d["reason"] for d in into.decisions("once", "-f", path)["filed"]] == ["create.new"]
    (name, task), = into.tasks().items()
    assert "ownerReferences" not in task["metadata"] and task["metadata"]["namespace"] == into.ns
    assert into.memory("filed")["total"] == [["1"]]
    assert [d["reason"] for d in into.decisions("once", "-f", path)["filed"]] == ["dedup.active"]
    into.cluster.task_finished(into.ns, name)
    into.delete(name)
    assert [d["reason"] for d in into.decisions("plan", "-f", path)["filed"]] in (["wait.recreate"], ["recreate.gone"])


def test_retrigger(into, am):
    am.fire({"alertname": "Disk", "pod": "a"})
    into.put(alert_spawner("disks", am.url))
    into.decisions("once")
    (name, task), = into.tasks().items()
    into.cluster.task_finished(into.ns, name)
    assert [d["reason"] for d in into.decisions("once")["disks"]] == ["dedup.finished"]
    kube.wait_until(lambda: am.refire({"alertname": "Disk", "pod": "a"}) or True, "it fires again")
    assert [d["reason"] for d in into.decisions("once")["disks"]] == ["retrigger.refired"]
    again = into.tasks()[name]
    assert again["metadata"]["uid"] != task["metadata"]["uid"] and annotation(again, "ordinal") == "2"
    assert into.status("disks")["totalTasksCreated"] == 2
    (key,) = into.memory("disks")["key"]
    assert key[6] == "2"  # attempts


def test_finalizers_make_it_wait(into, am):
    """The old Task goes when its finalizer lets it; until then nothing is created under its name."""
    labels = {"alertname": "Disk", "pod": "a"}
    am.fire(labels)
    into.put(alert_spawner("disks", am.url))
    into.start()
    name, = wait_until(into.tasks, "a Task")
    into.patch(name, {"metadata": {"finalizers": ["kelos.dev/finalizer"]}})
    into.cluster.task_finished(into.ns, name)
    old = into.tasks()[name]["metadata"]["uid"]
    am.refire(labels)
    wait_until(lambda: into.tasks()[name]["metadata"].get("deletionTimestamp"), "its deletion")
    polls = into.status("disks")["completedPolls"]
    wait_until(lambda: into.status("disks")["completedPolls"] > polls, "another poll")
    assert into.tasks()[name]["metadata"]["uid"] == old
    assert [d["reason"] for d in into.decisions("plan")["disks"]] == ["wait.deletion"]
    into.patch(name, {"metadata": {"finalizers": None}})
    wait_until(lambda: name in into.tasks() and into.tasks()[name]["metadata"]["uid"] != old, "the new Task")
    assert annotation(into.tasks()[name], "ordinal") == "2"


def test_a_quick_finalizer_is_waited_for(into, am):
    """Kelos' controller lets go at once: then deletion and creation are one cycle."""
    labels = {"alertname": "Disk", "pod": "a"}
    am.fire(labels)
    into.put(alert_spawner("disks", am.url))
    into.start()
    name, = wait_until(into.tasks, "a Task")
    into.patch(name, {"metadata": {"finalizers": ["kelos.dev/finalizer"]}})
    into.cluster.task_finished(into.ns, name)
    old = into.tasks()[name]["metadata"]["uid"]
    am.refire(labels)
    wait_until(lambda: into.tasks()[name]["metadata"].get("deletionTimestamp"), "its deletion")
    into.patch(name, {"metadata": {"finalizers": None}})
    wait_until(lambda: name in into.tasks() and into.tasks()[name]["metadata"]["uid"] != old, "the new Task")
    assert annotation(into.tasks()[name], "reason") == "retrigger.refired"


def test_a_foreign_task_of_that_name(into, am):
    am.fire({"alertname": "Disk", "pod": "a"})
    am.fire({"alertname": "Disk", "pod": "b"})
    into.put(alert_spawner("disks", am.url, template={"nameTemplate": "t-{{.Alert.labels.pod}}"}))
    theirs = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "t-a"},
              "spec": {"type": "codex", "prompt": "theirs", "credentials": {"type": "none"}}}
    into.cluster.apply(theirs, namespace=into.ns)
    done = {d["task"]: d for d in into.decisions("once", code=1)["disks"]}
    assert done["t-a"]["reason"] == "error.collision" and "not owned by spawner disks" in done["t-a"]["detail"]
    assert done["t-b"]["reason"] == "create.new"  # one bad item never stops the others
    assert into.tasks()["t-a"]["spec"]["prompt"] == "theirs"
    assert into.condition("disks", "DiscoveryError")["status"] == "True"
    # also one with our label, but of another object of our name
    into.delete("t-a")
    theirs["metadata"].update(labels={"kelos.dev/taskspawner": "disks"}, ownerReferences=[{
        "apiVersion": "alerts.kelos.dev/v1alpha1", "kind": "AlertSpawner", "name": "disks", "uid": "0-0", "controller": True}])
    into.cluster.apply(theirs, namespace=into.ns)
    done = {d["task"]: d for d in into.decisions("once", code=1)["disks"]}
    assert done["t-a"]["reason"] == "error.collision"


def test_an_edit_acts_at_once(into, am):
    am.fire({"alertname": "Disk", "pod": "a"})
    am.fire({"alertname": "Net", "pod": "a"})
    into.put(alert_spawner("s", am.url, {"alertNames": ["Disk"], "pollInterval": "1h"}))
    into.start()
    wait_until(lambda: len(into.tasks()) == 1, "the first Task")
    into.put(alert_spawner("s", am.url, {"alertNames": ["Net"], "pollInterval": "1h"}))
    wait_until(lambda: len(into.tasks()) == 2, "what the edit chooses")
    wait_until(lambda: into.status("s")["observedGeneration"] == 2, "its generation")
    into.put(alert_spawner("s", am.url, {"pollInterval": "1h"}, suspend=True))
    wait_until(lambda: into.status("s")["phase"] == "Suspended", "suspended")
    assert into.condition("s", "Suspended")["status"] == "True"


def test_deleted_spawners_stop(into, am):
    into.put(alert_spawner("s", am.url))
    run = into.start()
    wait_until(lambda: into.status("s").get("completedPolls"), "a poll")
    into.cluster.admin.delete(f"/apis/alerts.kelos.dev/v1alpha1/namespaces/{into.ns}/alertspawners/s")
    wait_until(lambda: "document is gone" in run.stderr or "no longer watched" in run.stderr, "it stops")
    am.fire({"alertname": "Disk", "pod": "a"})
    into.put(alert_spawner("other", am.url))
    wait_until(into.tasks, "the other one's Task")
    assert {t["metadata"]["labels"]["kelos.dev/taskspawner"] for t in into.tasks().values()} == {"other"}
    assert "ERROR" not in run.stderr


def test_a_bad_object_says_so(into, am):
    """The CRD lets through what only the engine knows to be wrong; the others go on."""
    am.fire({"alertname": "Disk", "pod": "a"})
    wrong = {"alerts.kelos.dev/policy-config": "{no json"}
    into.put(alert_spawner("bad", am.url, annotations=wrong))
    into.put(alert_spawner("good", am.url))
    into.start()
    wait_until(into.tasks, "the good one's Task")
    wait_until(lambda: into.status("bad").get("phase") == "Failed", "the bad one's status")
    assert into.status("bad")["message"].startswith('metadata.annotations["alerts.kelos.dev/policy-config"]')
    assert into.condition("bad", "DiscoveryError")["reason"] == "InvalidSpec"
    into.put(alert_spawner("bad", am.url))
    wait_until(lambda: into.status("bad")["phase"] == "Running", "mended")
    assert into.condition("bad", "DiscoveryError")["status"] == "False"
    into.put(alert_spawner("bad", am.url, annotations=wrong))  # the last good version goes on
    wait_until(lambda: "the last good version goes on" in into.status("bad")["message"], "both are said")
    assert into.status("bad")["phase"] == "Running"


def test_limits_of_the_object(into, am):
    for pod in "abcd":
        am.fire({"alertname": "Disk", "pod": pod})
    into.put(alert_spawner("s", am.url, limits={"perHour": 2}))
    reasons = sorted(d["reason"] for d in into.decisions("once")["s"])
    assert reasons == ["create.new", "create.new", "limit.rate", "limit.rate"]
    assert sorted(d["reason"] for d in into.decisions("once")["s"]) == ["dedup.active"] * 2 + ["limit.rate"] * 2
    event, = into.events("LimitReached")[:1]
    assert "2 alerts wait for a limit" in event["message"]


def test_events(into, am):
    am.fire({"alertname": "Disk", "pod": "a"})
    into.put(alert_spawner("s", am.url))
    into.put(alert_spawner("away", "http://127.0.0.1:1"))
    into.start()
    created, = wait_until(lambda: into.events("TaskCreated"), "an event")
    assert created["involvedObject"]["kind"] == "AlertSpawner" and created["involvedObject"]["name"] == "s"
    assert created["type"] == "Normal" and "Disk" in created["message"] and "create.new" in created["message"]
    unreachable, = wait_until(lambda: into.events("SourceUnreachable"), "the other's")
    assert unreachable["type"] == "Warning" and unreachable["involvedObject"]["name"] == "away"
    described = into.cluster.kubectl("describe", "alertspawner", "s", "-n", into.ns).stdout
    assert "TaskCreated" in described
    assert into.condition("away", "SourceReachable")["status"] == "False"


def test_secrets_by_name(into, am, serve):
    """Only `get`, only when needed; a Secret that rotates is taken up with the next poll."""
    seen = []

    def answer(handler):
        seen.append(handler.headers.get("Authorization"))
        body = b"[]" if handler.headers.get("Authorization") else b"no"
        handler.send_response(200 if body == b"[]" else 401)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    source = serve(answer)
    secrets = f"/api/v1/namespaces/{into.ns}/secrets"
    into.cluster.admin.post(secrets, {"metadata": {"name": "am"}, "stringData": {"ALERTMANAGER_TOKEN": "first-secret"}})
    into.put(alert_spawner("s", source.url, {"secretRef": {"name": "am"}}))
    into.put(alert_spawner("none", source.url, {"secretRef": {"name": "missing"}}))
    run = into.start()
    wait_until(lambda: "Bearer first-secret" in seen, "the first token")
    into.cluster.admin.merge(f"{secrets}/am", {"stringData": {"ALERTMANAGER_TOKEN": "second-secret"}})
    wait_until(lambda: "Bearer second-secret" in seen, "the second")
    wait_until(lambda: "no Secret" in into.status("none").get("message", ""), "the missing one is named")
    assert f"{into.ns}/missing" in into.status("none")["message"]
    assert None not in seen  # never anonymous
    assert "first-secret" not in run.stderr and "second-secret" not in run.stderr
    asked = into.cluster.audit(f"system:serviceaccount:{into.ns}:alertspawner")
    assert {verb for verb, what, *_ in asked if what == "secrets"} == {"get"}


def test_an_object_never_gets_the_engines_own_secrets(into, serve):
    """Who may write an AlertSpawner must not get --secrets or a Secret of -f sent to a server of their own."""
    from harness import sends
    seen = []

    def answer(handler):
        seen.append(handler.headers.get("Authorization"))
        sends(b"[]")(handler)
    source = serve(answer)
    mounted = into.engine.directory / "secrets" / "mine"
    mounted.mkdir(parents=True)
    (mounted / "ALERTMANAGER_TOKEN").write_text("the engine's")
    document = into.engine.write({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "filed", "namespace": into.ns},
                                  "stringData": {"ALERTMANAGER_TOKEN": "the file's"}})
    into.put(alert_spawner("a", source.url, {"secretRef": {"name": "mine"}}))
    into.put(alert_spawner("b", source.url, {"secretRef": {"name": "filed"}}))
    done = into("once", "-f", document, "--secrets", mounted.parent, code=1)
    assert seen == [] and (done.stdout + done.stderr).count("no Secret") >= 2
    path = into.engine.write(spawner("c", source.url, {"secretRef": {"name": "mine"}}))  # of a file it is what is asked for
    into("once", "-f", path, "--secrets", mounted.parent)
    assert seen == ["Bearer the engine's"]


def test_get_and_delete(into, am):
    am.fire({"alertname": "Disk", "pod": "a"})
    into.put(alert_spawner("s", am.url))
    path = into.engine.write(spawner("filed", am.url))
    into("once", "-f", path, code=0)
    admin = ["--kubeconfig", into.cluster.admin_config, "-n", into.ns]
    shown = into("get", "tasks", *admin, code=0).stdout
    assert "NAMESPACE" in shown and shown.count(into.ns) == 2
    spawners = into("get", "spawners", *admin, code=0).stdout
    assert "s " in spawners and "filed" in spawners and spawners.count("Running") == 2
    name = sorted(into.tasks())[0]
    assert into("get", "task", name, "-o", "yaml", *admin, code=0).stdout.startswith("apiVersion: kelos.dev/v1alpha2\n")
    assert into("delete", "task", name, *admin, code=0).stdout == f"task/{name} deleted\n"
    assert name not in into.tasks()
    gone = into("delete", "task", name, *admin, code=1)
    assert "not found" in gone.stderr
    assert into("get", "task", "nothing", *admin, code=1).stderr.startswith("Error: Task")
    assert "forbidden" in into("get", "spawners", "-A", code=1).stderr
    done = into.engine("finish", "--store", "kube", "task", name, "--phase", "Failed", code=2)
    assert "the Kelos controller says" in done.stderr


def test_usage(into):
    assert "--exec runs the Tasks of a local store" in into("run", "--exec", "cat", code=2).stderr
    done = into.engine("run", "--kubeconfig", "x", "-f", "y", code=2)
    assert "are for --store kube" in done.stderr
    assert "there is no AlertSpawner in namespace" in into("once", code=1).stderr


def test_no_rights_are_named(engine, cluster, namespace, am):
    into = InCluster(engine, cluster, namespace, rules=[])
    done = into("once", code=1)
    assert "forbidden" in done.stderr and "alertspawners" in done.stderr


def test_taskspawners_of_kelos(engine, cluster, namespace, am):
    from engine import RULES, TAKING
    into = InCluster(engine, cluster, namespace, rules=RULES + TAKING)
    am.fire({"alertname": "Disk", "pod": "a"})
    path = f"/apis/kelos.dev/v1alpha2/namespaces/{namespace}/taskspawners"
    ours = {"alerts.kelos.dev/engine": "alertspawner"}
    cluster.admin.post(path, spawner("pruned", am.url, annotations=ours))
    cluster.adopt()
    try:
        def adopted():
            made = cluster.admin.post(path + "?dryRun=All", spawner("dry", am.url))
            return made["spec"]["when"]
        wait_until(adopted, "the new schema")
        cluster.admin.post(path, spawner("taken", am.url, {"pollInterval": "5s"}, annotations=ours))
        cluster.admin.post(path, spawner("theirs", am.url, {"pollInterval": "5s"}))
        into.start("--take-taskspawners")
        wait_until(into.tasks, "a Task")
        wait_until(lambda: cluster.admin.get(f"{path}/pruned").get("status", {}).get("phase") == "Failed", "the pruned one")
        (task,) = into.tasks().values()
        owner, = task["metadata"]["ownerReferences"]
        assert (owner["apiVersion"], owner["kind"], owner["name"]) == ("kelos.dev/v1alpha2", "TaskSpawner", "taken")
        wait_until(lambda: cluster.admin.get(f"{path}/taken").get("status", {}).get("totalTasksCreated") == 1, "its status")
        assert "does not know spec.when.prometheusAlerts" in cluster.admin.get(f"{path}/pruned")["status"]["message"]
        assert "status" not in cluster.admin.get(f"{path}/theirs")
    finally:
        cluster.adopt(False)


def test_ready_and_measured(into, am):
    """/readyz and /metrics over HTTP: whether Tasks and spawners are watched, and how the API server answers."""
    import re
    import urllib.error
    import urllib.request
    from harness import free_port
    am.fire({"alertname": "Disk", "pod": "a"})
    into.put(alert_spawner("s", am.url, {"secretRef": {"name": "missing"}}))
    into.put(alert_spawner("t", am.url))
    port = free_port()
    into.engine.start("run", *into.args, "--lease", "none", "--listen", f"127.0.0.1:{port}")

    def ask(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def ready():
        try:
            return ask("/readyz?format=json")
        except (urllib.error.HTTPError, urllib.error.URLError):
            return None
    assert "Tasks and spawners are watched" in wait_until(ready, "ready")
    wait_until(into.tasks, "a Task")
    wait_until(lambda: into.status("t").get("completedPolls"), "its status")
    metrics = ask("/metrics")

    def count(verb, resource, code):
        name = f'alertspawner_kube_requests_total{{verb="{verb}",resource="{resource}",code="{code}"}}'
        found = re.search(re.escape(name) + r" (\d+)", metrics)
        assert found, metrics
        return int(found.group(1))
    assert count("create", "tasks", 201) == 1 and count("list", "tasks", 200) >= 1
    assert count("get", "secrets", 404) >= 1 and count("patch", "alertspawners", 200) >= 2
    assert 'alertspawner_kube_request_duration_seconds_count{verb="create",resource="tasks"} 1' in metrics


def test_all_namespaces(engine, cluster, namespace, am):
    """-A: one watch of Tasks and one of spawners for all; two of one name in two namespaces are two."""
    into = InCluster(engine, cluster, namespace, rules=None)
    other = InCluster(engine, cluster, cluster.namespace("other"), rules=None)
    am.fire({"alertname": "Disk", "pod": "a"})
    into.put(alert_spawner("twin", am.url))
    other.put(alert_spawner("twin", am.url))
    path = into.engine.write({**spawner("filed", am.url), "metadata": {"name": "filed", "namespace": other.ns}})
    run = into.start("-A", "-f", path)
    wait_until(lambda: len(into.tasks()) == 1 and len(other.tasks()) == 2, "their Tasks")
    for each in into, other:
        wait_until(lambda: each.status("twin").get("totalTasksCreated") == 1, "its own counter")
    assert other.memory("filed")["total"] == [["1"]]
    # A Task that somebody deletes comes back by the watch, where it belongs.
    name = next(n for n in other.tasks() if n.startswith("twin"))
    uid = other.tasks()[name]["metadata"]["uid"]
    other.delete(name)
    wait_until(lambda: other.tasks().get(name, {"metadata": {"uid": uid}})["metadata"]["uid"] != uid, "a new one", 180)
    assert len(into.tasks()) == 1
    # Of these two namespaces: the cluster holds what other tests have left, too.
    assert not [line for line in run.stderr.splitlines() if " error " in line and (into.ns in line or other.ns in line)]
