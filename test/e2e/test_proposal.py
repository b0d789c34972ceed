"""The proposal's examples, unmodified, and its rules of discovery, deduplication, re-triggering and limits, against a
real Alertmanager and a real store."""
import re
import time

import pytest
import yaml

import harness
import model
from harness import reasons, spawner

OOM = harness.HERE / "documents" / "oom-remediator.yaml"
SLO = harness.HERE / "documents" / "slo-investigator.yaml"


def document(path):
    return yaml.safe_load(path.read_text())


def expected_task(doc, alert, reason="create.new", ordinal=1):
    """What an alert must become by the proposal and the Kelos API; the store's own fields apart."""
    template = doc["spec"]["taskTemplate"]
    name = doc["metadata"]["name"]
    fp = alert["fingerprint"]
    alertname = alert["labels"]["alertname"]
    spec = {"type": template["type"], "credentials": template["credentials"], "workspaceRef": template["workspaceRef"],
            "agentConfigRefs": [template["agentConfigRef"]], "branch": model.branch(model.render(template["branch"], alert)),
            "prompt": model.render(template["promptTemplate"], alert),
            "ttlSecondsAfterFinished": template["ttlSecondsAfterFinished"]}
    if "podOverrides" in template:
        spec["podOverrides"] = template["podOverrides"]
    return {
        "apiVersion": "kelos.dev/v1alpha2", "kind": "Task",
        "metadata": {
            "name": model.task_name(name, model.item_id(alertname, fp), fp),
            "namespace": "default", "labels": {"kelos.dev/taskspawner": name},
            "annotations": {"alerts.kelos.dev/fingerprint": fp, "alerts.kelos.dev/starts-at": alert["startsAt"],
                            "alerts.kelos.dev/policy": "default", "alerts.kelos.dev/reason": reason,
                            "alerts.kelos.dev/ordinal": str(ordinal), "alerts.kelos.dev/alertname": alertname},
        },
        "spec": spec,
    }


def comparable(task):
    """Without what only the store can know, which is checked for its shape."""
    task = {k: v for k, v in task.items()}
    meta = dict(task["metadata"])
    assert meta.pop("uid") and meta.pop("resourceVersion")
    harness.parse_moment(meta.pop("creationTimestamp"))
    meta.pop("generation", None)
    status = task.pop("status", {})
    assert status.get("phase", "") in ("", "Pending")
    annotations = dict(meta["annotations"])
    assert re.fullmatch("[0-9a-f]{32}", annotations.pop("alerts.kelos.dev/policy-hash"))
    annotations["alerts.kelos.dev/starts-at"] = harness.parse_moment(annotations["alerts.kelos.dev/starts-at"])
    meta["annotations"] = annotations
    task["metadata"] = meta
    return task


def same_task(task, expected):
    expected["metadata"]["annotations"]["alerts.kelos.dev/starts-at"] = harness.parse_moment(
        expected["metadata"]["annotations"]["alerts.kelos.dev/starts-at"])
    assert comparable(task) == expected


def no_empty(value, where="Task"):
    """Optional members that are empty do not survive a Go program's decode and encode."""
    if isinstance(value, dict):
        for k, v in value.items():
            assert v not in ("", [], {}, None), f"{where}.{k} is empty"
            no_empty(v, f"{where}.{k}")
    elif isinstance(value, list):
        for i, v in enumerate(value):
            no_empty(v, f"{where}[{i}]")


def test_the_two_examples(every_am, engine):
    am = every_am
    oom = [
        am.fire({"alertname": "KubePodCrashLooping", "namespace": "production", "pod": "checkout-7d9c", "severity": "warning"},
                {"summary": "Pod is crash looping", "description": "Restarted 12 times\nlast exit: 137\n\n",
                 "runbook_url": "https://runbooks.example/crash"}, generator_url="http://prometheus.example/graph?g0.expr=x"),
        am.fire({"alertname": "KubeContainerOOMKilled", "namespace": "production", "container": "Übersicht {{.ID}}"},
                {"description": "OOM"}),
    ]
    both = am.fire({"alertname": "KubePodCrashLooping", "namespace": "production", "severity": "critical",
                    "team": "platform"}, {}, generator_url="http://prometheus.example/a")
    slo = [
        am.fire({"alertname": "SLO Burn Rate / 5m..1h", "severity": "critical", "team": "platform"},
                {"z": "last", "summary": "s", "a": "middle"}, generator_url="http://prometheus.example/b"),
    ]
    am.fire({"alertname": "KubePodCrashLooping", "namespace": "staging"})
    am.fire({"alertname": "kubepodcrashlooping", "namespace": "production"})
    am.fire({"alertname": "Other", "severity": "critical", "team": "platform", "silenced": "true"})
    am.fire({"alertname": "Other", "severity": "warning", "team": "platform"})
    oom.append(both)
    slo.append(both)

    args = ("-f", OOM, "-f", SLO, "--alertmanager", am.url)
    planned = engine.decisions("plan", *args)
    assert not engine.store.exists(), "plan wrote a store"
    done = engine.decisions("once", *args)
    for d in planned["slo-investigator"] + done["slo-investigator"]:
        del d["time"], d["detail"]  # of that run
    assert planned["slo-investigator"] == done["slo-investigator"]

    expected = {}
    for path, alerts, limit in ((OOM, oom, 2), (SLO, slo, 3)):
        doc = document(path)
        name = doc["metadata"]["name"]
        assert {d["fingerprint"] for d in planned[name]} == {d["fingerprint"] for d in done[name]}
        created = [d for d in done[name] if d["verdict"] == "create"]
        assert {d["fingerprint"] for d in created} <= {a["fingerprint"] for a in alerts}
        assert len(created) == min(limit, len(alerts))
        assert {(d["verdict"], d["reason"]) for d in planned[name]} == {(d["verdict"], d["reason"]) for d in done[name]}
        ordinal = 0
        by_fp = {a["fingerprint"]: a for a in alerts}
        for d in created:
            ordinal += 1
            want = expected_task(doc, by_fp[d["fingerprint"]], ordinal=ordinal)
            assert d["task"] == want["metadata"]["name"]
            expected[d["task"]] = want
        waiting = [d for d in done[name] if d["fingerprint"] in by_fp and d["verdict"] != "create"]
        assert {d["reason"] for d in waiting} <= {"limit.concurrency"}
        # Alertmanager leaves out what a matcher does not select; whatever comes nevertheless must be excluded
        others = [d for d in done[name] if d["fingerprint"] not in by_fp]
        assert all(d["verdict"] == "skip" and d["reason"].startswith("source.") for d in others)

    tasks = engine.tasks()
    assert set(tasks) == set(expected)
    ordinals = {}
    for name, task in tasks.items():
        want = expected[name]
        who = task["metadata"]["labels"]["kelos.dev/taskspawner"]
        ordinal = task["metadata"]["annotations"]["alerts.kelos.dev/ordinal"]
        ordinals.setdefault(who, set()).add(int(ordinal))
        want["metadata"]["annotations"]["alerts.kelos.dev/ordinal"] = ordinal
        same_task(task, want)
        no_empty(task["spec"])
        assert model.is_branch(task["spec"]["branch"]), task["spec"]["branch"]
        assert len(name) <= 63
    assert ordinals == {"oom-remediator": {1, 2}, "slo-investigator": {1, 2}}

    before = engine.store.read_bytes()
    again = engine.decisions("plan", *args)
    assert engine.store.read_bytes() == before, "plan wrote to the store"
    assert not [d for ds in again.values() for d in ds if d["verdict"] in ("create", "retrigger")]
    second = engine.decisions("once", *args)
    assert {n: reasons(d) for n, d in second.items()} == {n: reasons(d) for n, d in again.items()}
    assert set(engine.tasks()) == set(expected)
    for name, total in (("oom-remediator", 2), ("slo-investigator", 2)):
        status = engine.spawner(name)["status"]
        assert (status["totalTasksCreated"], status["phase"], status["activeTasks"]) == (total, "Running", 2)


@pytest.mark.parametrize("alertname,more", [
    ("Plain", {}),
    ("Disk Full: /dev/sda1", {}),
    ("..hidden..and/../up.lock", {}),
    ("ÄÖÜ 火", {}),
    ("---", {}),
    ("UPPER_case.v1.2", {}),
    ("A" * 200, {}),
    ("x." * 40, {}),
    ("{{.Body}}", {}),
    ("a\nb", {}),
])
def test_names_and_templates(am, engine, alertname, more):
    labels = {"alertname": alertname, **more}
    alert = am.fire(labels, {"summary": "line one\n\nline three\n\n", "empty": "", "description": "\t<b>&amp;</b>"})
    prompt = "|".join("{{.%s}}" % v for v in model.variables(alert) if v != "StartsAt")
    doc = spawner("very-long-spawner-name-" + "n" * 20, am.url,
                  template={"promptTemplate": prompt, "branch": "fix/alert-{{.ID}}", "workspaceRef": {"name": "w"}})
    decision, = engine.decisions("once", "-f", engine.write(doc))[doc["metadata"]["name"]]
    assert decision["alertname"] == alertname
    task, = engine.tasks().values()
    fp = alert["fingerprint"]
    ident = model.item_id(alertname, fp)
    assert task["metadata"]["name"] == model.task_name(doc["metadata"]["name"], ident, fp)
    assert fp == model.fingerprint(labels)
    assert task["spec"]["prompt"] == model.render(prompt, alert)
    branch = task["spec"]["branch"]
    assert model.is_branch(branch)
    if model.is_branch(f"fix/alert-{ident}"):
        assert branch == f"fix/alert-{ident}"


def test_an_alert_without_alertname(am, engine):
    alert = am.fire({"job": "node"})
    engine.decisions("once", "-f", engine.write(spawner("s", am.url, template={"promptTemplate": "{{.ID}}|{{.Title}}|"})))
    task, = engine.tasks().values()
    assert task["metadata"]["name"] == f"s-alert-{alert['fingerprint']}"
    assert task["spec"]["prompt"] == f"alert-{alert['fingerprint']}||"


def test_a_body_of_more_than_64_kib_is_cut(am, engine):
    alert = am.fire({"alertname": "Long"}, {"summary": "é" * 40000, "description": "x"})
    engine.decisions("once", "-f", engine.write(spawner("s", am.url, template={"promptTemplate": "{{.Body}}"})))
    task, = engine.tasks().values()
    assert task["spec"]["prompt"] == model.body(alert)
    assert 65536 - 4 <= len(task["spec"]["prompt"].encode()) <= 65536


class Fixed:
    """One alert, one spawner with the shortest interval, and its Task."""

    def __init__(self, am, engine, **spec):
        self.am, self.engine = am, engine
        self.labels = {"alertname": "A"}
        self.alert = am.fire(self.labels)
        self.file = engine.write(spawner("s", am.url, when={"pollInterval": "5s"}, **spec))
        assert self.once() == ("create", "create.new")
        self.name, = engine.tasks()

    def once(self, code=0):
        decision, = self.engine.decisions("once", "-f", self.file, code=code)["s"]
        return decision["verdict"], decision["reason"]

    def finish(self, phase="Succeeded"):
        self.engine("finish", "task", self.name, "--phase", phase, code=0)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_finish_and_refire_is_retriggered(every_am, engine, phase):
    x = Fixed(every_am, engine)
    assert x.once() == ("skip", "dedup.active")
    old = engine.tasks()[x.name]
    x.finish(phase)
    assert engine.tasks()[x.name]["status"]["phase"] == phase
    assert x.once() == ("skip", "dedup.finished"), "it has not fired again"
    time.sleep(1.1)  # completionTime has whole seconds
    fresh = every_am.refire(x.labels)
    assert x.once() == ("retrigger", "retrigger.refired")
    new = engine.tasks()
    assert set(new) == {x.name}
    new = new[x.name]
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    annotations = new["metadata"]["annotations"]
    assert annotations["alerts.kelos.dev/reason"] == "retrigger.refired"
    assert annotations["alerts.kelos.dev/ordinal"] == "2"
    assert harness.parse_moment(annotations["alerts.kelos.dev/starts-at"]) == harness.parse_moment(fresh["startsAt"])
    assert new["status"].get("phase") == "Pending" and "completionTime" not in new["status"]
    assert x.once() == ("skip", "dedup.active")
    assert engine.spawner("s")["status"]["totalTasksCreated"] == 2


def test_refire_before_completion_is_not_retriggered(am, engine):
    x = Fixed(am, engine)
    am.refire(x.labels)
    assert x.once() == ("skip", "dedup.active")
    time.sleep(1.1)
    x.finish()
    assert x.once() == ("skip", "dedup.finished")
    assert engine.spawner("s")["status"]["totalTasksCreated"] == 1


def test_a_deleted_task_comes_back_once_per_interval(am, engine):
    x = Fixed(am, engine)
    engine("delete", "task", x.name, code=0)
    assert not engine.tasks()
    assert x.once() == ("wait", "wait.recreate")
    harness.wait_until(lambda: x.once() == ("create", "recreate.gone"), "the Task is created anew", 30)
    task, = engine.tasks().values()
    assert task["metadata"]["annotations"]["alerts.kelos.dev/ordinal"] == "2"


def test_a_resolved_alert_is_not_there(am, engine):
    x = Fixed(am, engine)
    am.resolve(x.labels)
    assert engine.decisions("once", "-f", x.file)["s"] == []
    assert set(engine.tasks()) == {x.name}


def test_ttl(am, engine):
    x = Fixed(am, engine, template={"ttlSecondsAfterFinished": 1})
    x.finish()
    am.resolve(x.labels)
    time.sleep(2.2)
    assert set(engine.tasks()) == {x.name}, "only an engine deletes"
    engine("once", "-f", x.file, code=0)
    assert not engine.tasks()


def test_a_task_without_ttl_stays(am, engine):
    x = Fixed(am, engine)
    x.finish()
    engine("once", "-f", x.file, code=0)
    assert set(engine.tasks()) == {x.name}


def test_silenced_and_inhibited(every_am, engine):
    am = every_am
    quiet = {"alertname": "Quiet"}
    am.fire(quiet)
    am.silence(quiet)
    cause = {"alertname": "NodeDown", "role": "inhibits", "cluster": "c1"}
    effect = {"alertname": "PodDown", "role": "inhibited", "cluster": "c1"}
    elsewhere = {"alertname": "PodDown", "role": "inhibited", "cluster": "c2"}
    am.fire(cause)
    am.ask("POST", "/alerts", [{"labels": effect, "startsAt": harness.moment(-9), "endsAt": harness.moment(900)}])
    am.wait_state(effect, "suppressed")
    am.fire(elsewhere)
    done = engine.decisions("once", "-f", engine.write(spawner("s", am.url)))["s"]
    kept = {model.fingerprint(cause), model.fingerprint(elsewhere)}
    assert {d["fingerprint"] for d in done if d["verdict"] == "create"} == kept
    assert len(engine.tasks()) == 2


@pytest.mark.parametrize("when,taken", [
    ({"excludeLabels": {"team": "b"}}, "ac-"),
    ({"excludeLabels": {"team": ""}}, "abc"),
    ({"excludeLabels": {"team": "a", "severity": "critical"}}, "b-"),
    ({"labels": {"team": "a"}}, "a"),
    ({"labels": {"team": ""}}, "-"),
    ({"labels": {"team": "a", "severity": "warning"}}, "a"),
    ({"labels": {"team": "a", "severity": "critical"}}, ""),
    ({"severities": ["critical"]}, "c"),
    ({"severities": ["critical", "warning"]}, "abc"),
    ({"severities": ["Critical"]}, ""),
    ({"alertNames": ["T"], "labels": {"team": "c"}, "severities": ["critical"]}, "c"),
    ({"alertNames": ["t"]}, ""),
    ({"labels": {"quoted": 'say "hi" \\ {a=b}'}}, "c"),
])
def test_selectors(am, engine, when, taken):
    for team, severity in (("a", "warning"), ("b", "warning"), ("c", "critical"), ("", "")):
        labels = {"alertname": "T", "n": team or "-"}
        labels.update({k: v for k, v in (("team", team), ("severity", severity)) if v})
        if team == "c":
            labels["quoted"] = 'say "hi" \\ {a=b}'
        am.fire(labels)
    engine.decisions("once", "-f", engine.write(spawner("s", am.url, when=when, template={"promptTemplate": "{{.Alert.labels.n}}"})))
    assert sorted(t["spec"]["prompt"] for t in engine.tasks().values()) == sorted(taken)


def fire_ranked(am):
    return {n: am.fire({"alertname": "A", "severity": n, **({"vip": "1"} if n == "info" else {})})["fingerprint"]
            for n in ("warning", "critical", "info", "none")}


def created(decisions, fps):
    by = {fp: n for n, fp in fps.items()}
    return sorted(by[d["fingerprint"]] for d in decisions if d["verdict"] == "create")


def test_max_concurrency_and_priority_labels(am, engine):
    fps = fire_ranked(am)
    file = engine.write(spawner("s", am.url, when={"priorityLabels": ["severity=critical", "vip", "severity=warning"]},
                                maxConcurrency=2))
    done = engine.decisions("once", "-f", file)["s"]
    assert created(done, fps) == ["critical", "info"]
    assert {d["verdict"] + " " + d["reason"] for d in done if d["verdict"] != "create"} == {"wait limit.concurrency"} or \
        {d["reason"] for d in done if d["verdict"] != "create"} == {"limit.concurrency"}
    critical = next(d["task"] for d in done if d["fingerprint"] == fps["critical"])
    engine("finish", "task", critical, "--phase", "Failed", code=0)
    assert created(engine.decisions("once", "-f", file)["s"], fps) == ["warning"]
    assert engine.spawner("s")["status"]["activeTasks"] == 2


def test_max_total_tasks(am, engine):
    fps = fire_ranked(am)
    file = engine.write(spawner("s", am.url, when={"priorityLabels": ["severity=none"]}, maxTotalTasks=3))
    done = engine.decisions("once", "-f", file)["s"]
    assert len(created(done, fps)) == 3 and "none" in created(done, fps)
    for name in engine.tasks():
        engine("finish", "task", name, "--phase", "Succeeded", code=0)
    done = engine.decisions("once", "-f", file)["s"]
    assert sorted(d["reason"] for d in done) == ["dedup.finished"] * 3 + ["limit.total"]
    status = engine.spawner("s")["status"]
    assert status["totalTasksCreated"] == 3
    reached = next(c for c in status["conditions"] if c["type"] == "MaxTotalTasksReached")
    assert (reached["status"], reached["reason"]) == ("True", "LimitReached")


def test_suspend(serve, engine):
    server = serve(harness.sends("[]"))
    file = engine.write(spawner("s", server.url, suspend=True), spawner("other", server.url))
    done = engine("once", "-f", file, code=0)
    assert "suspended" in done.stdout
    assert len(server.requests) == 1, "a suspended spawner does not poll"
    assert engine.spawner("s")["status"]["phase"] == "Suspended"
    assert engine.spawner("other")["status"]["phase"] == "Running"


def test_the_question_that_is_asked(serve, engine):
    server = serve({"/prefix": harness.sends("[]")})
    file = engine.write(spawner("s", server.url + "/prefix/", when={"labels": {"a": 'q"\\'}, "excludeLabels": {"b": "x"}}))
    engine("once", "-f", file, code=0)
    (path, query, headers), = server.requests
    assert path == "/prefix/api/v2/alerts"
    assert (query["active"], query["silenced"], query["inhibited"]) == (["true"], ["false"], ["false"])
    assert sorted(query["filter"]) == ['a="q\\"\\\\"', 'b!="x"']
    assert headers["User-Agent"].startswith("alertspawner/")
    assert "Authorization" not in headers
