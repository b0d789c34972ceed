"""`render`, `check`, `version`, --help, and what the command line refuses."""
import json
import re

import pytest
import yaml

import harness
import model
from harness import alert_json, sends, spawner

VERBS = ["run", "once", "plan", "get", "finish", "delete", "render", "check", "version"]
ALERT = alert_json({"alertname": "A", "namespace": "production", "severity": "critical"},
                   annotations={"summary": "sum\nmary", "description": "it's \"x\" {{.Title}}"})
TEMPLATE = {"promptTemplate": "{{.Kind}} #{{.Number}} {{.Title}}\n{{.Body}}\n{{.Alert.labels.namespace}}", "branch": "fix/{{.ID}}",
            "workspaceRef": {"name": "w"}, "ttlSecondsAfterFinished": 60,
            "metadata": {"labels": {"severity": "{{.Severity}}"}, "annotations": {"since": "{{.StartsAt}}"}},
            "podOverrides": {"resources": {"limits": {"memory": "1024Mi"}}, "env": [{"name": "X", "value": "yonder"}]}}


def alert_file(engine, alert=ALERT):
    path = engine.directory / "alert.json"
    path.write_text(json.dumps(alert))
    return path


def bare(task):
    """Without what the store adds."""
    task = {k: v for k, v in task.items() if k != "status"}
    task["metadata"] = {k: v for k, v in task["metadata"].items()
                        if k not in ("uid", "resourceVersion", "creationTimestamp", "generation")}
    task["metadata"]["annotations"] = {k: v for k, v in task["metadata"]["annotations"].items()
                                       if k != "alerts.kelos.dev/ordinal"}
    return task


def test_documents_that_are_all_broken(engine):
    """No cycle runs, and the program ends as it should all the same."""
    path = engine.write(edited(put("spec", "bogus", 1)))
    for verb in ("once", "plan", "run", "check"):
        done = engine(verb, "-f", path, code=1)
        assert "spec.bogus" in done.stderr


def test_no_document_at_all(engine):
    (engine.directory / "empty").mkdir()
    for verb in ("once", "plan", "check"):
        assert engine(verb, "-f", engine.directory / "empty").returncode in (0, 1)


@pytest.mark.parametrize("shape", ["bare", "array", "stdin"])
@pytest.mark.parametrize("policies", [None, 'key = function(a) return a.labels.namespace end'])
def test_render_is_what_once_creates(engine, serve, shape, policies):
    server = serve(sends(json.dumps([ALERT])))
    file = engine.write(spawner("s", server.url, template=TEMPLATE))
    more = []
    if policies:
        more = ["--policies", engine.policies(p=f'return policy.extend(policy.base, {{ api = 1, name = "p", match = \'alertname!=""\', {policies} }})')]
    path = "-" if shape == "stdin" else alert_file(engine, [ALERT] if shape == "array" else ALERT)
    stdin = json.dumps(ALERT) if shape == "stdin" else None
    as_json = json.loads(engine("render", "-f", file, "--alert", path, "-o", "json", *more, stdin=stdin, code=0).stdout)
    as_yaml = yaml.safe_load(engine("render", "-f", file, "--alert", path, *more, stdin=stdin, code=0).stdout)
    assert as_json == as_yaml
    assert server.requests == [] and not engine.store.exists(), "render touches nothing"
    engine("once", "-f", file, *more, code=0)
    task, = engine.tasks().values()
    assert bare(as_json) == bare(task)
    assert task["metadata"]["labels"] == {"kelos.dev/taskspawner": "s", "severity": "critical"}
    assert task["spec"]["podOverrides"]["resources"]["limits"]["memory"] == "1Gi", "as Go writes it"
    if not policies:
        assert task["spec"]["prompt"] == model.render(TEMPLATE["promptTemplate"].rsplit("\n", 1)[0], ALERT) + "\nproduction"


def test_render_of_one_spawner_of_many(engine):
    file = engine.write(spawner("a", "http://127.0.0.1:1"), spawner("b", "http://127.0.0.1:1"))
    both = engine("render", "-f", file, "--alert", alert_file(engine), code=0).stdout
    assert len(list(yaml.safe_load_all(both))) == 2
    one = engine("render", "-f", file, "--alert", alert_file(engine), "--spawner", "b", code=0).stdout
    assert yaml.safe_load(one)["metadata"]["labels"] == {"kelos.dev/taskspawner": "b"}
    assert "c" in engine("render", "-f", file, "--alert", alert_file(engine), "--spawner", "c", code=1).stderr


def test_render_says_what_would_not_have_come(engine):
    file = engine.write(spawner("s", "http://127.0.0.1:1", when={"alertNames": ["B"]}))
    done = engine("render", "-f", file, "--alert", alert_file(engine), code=0)
    assert "source.alertname" in done.stderr and yaml.safe_load(done.stdout)["kind"] == "Task"


@pytest.mark.parametrize("text", ["", "null", "{}", "[]", "[1,2]", "[{},{}]", "{", "5", '"x"', "<html>"])
def test_render_of_no_alert(engine, text):
    file = engine.write(spawner("s", "http://127.0.0.1:1"))
    done = engine("render", "-f", file, "--alert", "-", stdin=text)
    assert done.returncode in (1, 2) and done.stderr.startswith("Error: ") and done.stdout == ""


def test_render_without_alert_is_wrong_usage(engine):
    engine("render", "-f", engine.write(spawner("s", "http://127.0.0.1:1")), code=2)


def line_of(path, text):
    """The last one: the broken document stands behind a good one."""
    return max(i for i, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def edited(change, **more):
    d = spawner("s", "http://127.0.0.1:1", **more)
    change(d)
    return d


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(d):
        for k in path:
            d = d[k]
        d[last] = value
    return change


SOURCE = ("spec", "when", "prometheusAlerts")
BROKEN = {  # change, what the line holds, what the message speaks of
    "unknown field": (put(*SOURCE, "alertName", ["A"]), "alertName:", "alertNames"),
    "unknown field of spec": (put("spec", "maxConcurency", 2), "maxConcurency", "maxConcurrency"),
    "unknown field of taskTemplate": (put("spec", "taskTemplate", "promptTemplat", "x"), "promptTemplat:", "promptTemplate"),
    "boolean for string": (put(*SOURCE, "excludeLabels", {"silenced": True}), "silenced:", "silenced"),
    "number for string": (put(*SOURCE, "labels", {"port": 8080}), "port:", "port"),
    "string for number": (put("spec", "maxConcurrency", "2"), "maxConcurrency", "maxConcurrency"),
    "negative": (put("spec", "maxTotalTasks", -1), "maxTotalTasks", "maxTotalTasks"),
    "string for list": (put(*SOURCE, "alertNames", "A"), "alertNames", "alertNames"),
    "no url": (put(*SOURCE, "url", "alertmanager:9093"), "url:", "url"),
    "ftp": (put(*SOURCE, "url", "ftp://x"), "url:", "url"),
    "interval": (put(*SOURCE, "pollInterval", "soon"), "pollInterval", "soon"),
    "interval too short": (put(*SOURCE, "pollInterval", "1s"), "pollInterval", "5"),
    "two members": (put("spec", "when", "cron", {"schedule": "* * * * *"}), "cron", "cron"),
    "contextSources": (put("spec", "taskTemplate", "contextSources", [{"name": "x"}]), "contextSources", "contextSources"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_check_of_a_broken_document(engine, case):
    change, line_text, word = BROKEN[case]
    path = engine.write(spawner("good", "http://127.0.0.1:1"), edited(change))
    done = engine("check", "-f", path, code=1)
    assert f"{path}:{line_of(path, line_text)}" in done.stderr, done.stderr
    assert word in done.stderr
    if case.startswith("unknown"):
        assert re.search(rf"did you mean \W?{word}", done.stderr), done.stderr
    assert "good" in done.stdout and "ok" in done.stdout, "one bad document never stops the others"


@pytest.mark.parametrize("field,template,words", [
    ("promptTemplate", "{{.Invalid", ["unclosed action"]),
    ("promptTemplate", "{{toUpper .ID}}", ['function "toUpper" not defined']),
    ("branch", "{{if .ID}}x", ["unexpected EOF"]),
    ("nameTemplate", "{{.Context.x}}", ["Context"]),
    ("promptTemplate", "{{.Title}}\n{{.Nope}}", ['no entry for key "Nope"']),
    ("branch", "fix/{{.Severty}}", ['no entry for key "Severty"']),
    ("nameTemplate", "{{.Nope}}", ['no entry for key "Nope"']),
])
def test_check_of_a_broken_template(engine, field, template, words):
    path = engine.write(spawner("s", "http://127.0.0.1:1", template={field: template, "workspaceRef": {"name": "w"}}))
    done = engine("check", "-f", path, code=1)
    assert re.search(re.escape(str(path)) + r":\d+", done.stderr), done.stderr
    for w in words:
        assert w in done.stderr


def test_a_missing_key_is_that_alerts_error(engine, serve):
    server = serve(sends(json.dumps([ALERT, alert_json({"alertname": "B", "pod": "p"})])))
    file = engine.write(spawner("s", server.url, template={"promptTemplate": "{{.Alert.labels.pod}}"}))
    decisions = engine.decisions("once", "-f", file, code=1)["s"]
    by = {d["alertname"]: d for d in decisions}
    assert (by["A"]["verdict"], by["A"]["reason"]) == ("error", "error.template")
    assert 'map has no entry for key "pod"' in by["A"]["detail"]
    assert by["B"]["verdict"] == "create"


@pytest.mark.parametrize("source,line", [
    ("return {", 1),
    ("local x = 1\n\nreturn policy.extend(policy.base, { api = 1 name = 'x' })", 3),
    ("\n\nerror('at the top')", 3),
])
def test_check_of_a_broken_policy(engine, source, line):
    directory = engine.policies(good='return policy.extend(policy.base, { api = 1, name = "good", match = \'alertname!=""\' })', bad=source)
    done = engine("check", "-f", engine.write(spawner("s", "http://127.0.0.1:1")), "--policies", directory, code=1)
    assert f"bad.lua:{line}" in done.stderr, done.stderr
    assert "good.lua" in done.stdout


def test_check_of_policies_alone(engine):
    """Whoever writes policies has no TaskSpawner at hand."""
    directory = engine.policies(**{"10_a": 'return { api = 1, name = "first", match = \'team="a"\' }', "20_b": "return { api = 1 }"})
    done = engine("check", "--policies", directory, code=0)
    lines = done.stdout.splitlines()
    assert re.fullmatch(r'policy first \(10-a\.lua\): match team="a"; hash [0-9a-f]{32}', lines[0])
    assert re.fullmatch(r"policy \S+ \(20-b\.lua\): only when named; hash [0-9a-f]{32}", lines[1])
    assert len(lines) == 2 and done.stderr == ""
    (directory / "20-b.lua").write_text("return {\n{")
    done = engine("check", "--policies", directory, code=1)
    assert "policy first (10-a.lua)" in done.stdout and "policy file 20-b.lua: has problems" in done.stdout
    assert re.fullmatch(r"Error: 20-b\.lua:2: .*\n", done.stderr)
    assert "--policies" in engine("check", code=2).stderr
    (directory / "20-b.lua").unlink()
    (directory / "10-a.lua").unlink()
    assert "no policies" in engine("check", "--policies", directory, code=0).stdout
    assert "/no/such" in engine("check", "--policies", "/no/such", code=1).stderr


def test_check_of_libraries(engine):
    directory = engine.policies(a='local x = include "lib_x" return { api = 1, describe = x }', lib_x="return 'x'")
    (directory / "lib_x.lua").write_text("return 'x'")
    (directory / "lib_unused.lua").write_text("return 'x'")
    (directory / "lib-x.lua").unlink(missing_ok=True)
    done = engine("check", "--policies", directory, code=0)
    assert re.fullmatch(r"policy a \(a\.lua\): only when named; hash [0-9a-f]{32}; includes lib_x\.lua\n", done.stdout)
    assert done.stderr == "Warning: lib_unused.lua: no policy includes it\n"
    (directory / "lib_x.lua").write_text("\nreturn {")
    done = engine("check", "--policies", directory, code=1)
    assert "policy file a.lua: has problems" in done.stdout
    assert "lib_x.lua:2: " in done.stderr
    (directory / "lib_x.lua").write_text("")
    done = engine("check", "--policies", directory, code=1)
    assert "Error: lib_x.lua is empty" in done.stderr


def test_check_warns(engine):
    """What is legal but probably wrong: said with file and line, of libraries too, and no failure."""
    directory = engine.policies(a='include "lib_x"\nreturn policy.extend(policy.base, { api = 1, match = \'a="b"\',\n'
                                  'title = function(alert) return alert.annotations.summary .. "!" end })')
    (directory / "lib_x.lua").write_text("return { f = function(alert)\n\nreturn alert.annotations.x .. 'x' end }")
    done = engine("check", "--policies", directory, code=0)
    assert re.search(r"^Warning: a\.lua:3: .*summary", done.stderr, re.M), done.stderr
    assert re.search(r"^Warning: lib_x\.lua:3: ", done.stderr, re.M), done.stderr
    assert "Error" not in done.stderr
    assert "policy a (a.lua)" in done.stdout


def test_check_says_what_is_wrong_once(engine):
    """However many spawners use the policies."""
    directory = engine.policies(bad="return {", good="return { api = 1 }")
    (directory / "default.lua").write_text("return {}")
    (directory / "empty.lua").write_text("")
    path = engine.write(spawner("s", "http://127.0.0.1:1"), spawner("t", "http://127.0.0.1:1"))
    done = engine("check", "-f", path, "--policies", directory, code=1)
    for part in ("bad.lua:1: ", "default.lua is left out", "empty.lua is empty"):
        assert done.stderr.count(part) == 1, done.stderr
    assert done.stderr.count("Error: ") == 3
    assert done.stdout.count(": ok\n") == 2, "the documents are fine"
    named = engine.write(spawner("u", "http://127.0.0.1:1", annotations={"alerts.kelos.dev/policy": "bad"}))
    done = engine("check", "-f", named, "--policies", directory, code=1)
    assert 'no policy is named "bad"' in done.stderr and "has problems" in done.stdout


def test_check_of_the_ready_made_ones(engine):
    """As they lie there, the bundled default among them."""
    done = engine("check", "--policies", harness.HERE.parents[1] / "policies", code=0)
    assert "policy business_hours" in done.stdout and done.stderr == ""


def test_check_of_good_things(engine):
    for name in ("oom-remediator", "slo-investigator"):
        done = engine("check", "-f", harness.HERE / "documents" / f"{name}.yaml", code=0)
        assert name in done.stdout and done.stderr == ""
    done = engine("check", "-f", harness.HERE / "documents", code=0)
    assert "oom-remediator" in done.stdout and "slo-investigator" in done.stdout


def test_check_leaves_labels_to_the_alerts(engine):
    """Which labels an alert has cannot be known beforehand."""
    prompt = "{{.Alert.labels.pod}} {{.Alert.annotations.runbook}} {{index .Alert.receivers 3}}"
    engine("check", "-f", engine.write(spawner("s", "http://127.0.0.1:1", template={"promptTemplate": prompt})), code=0)


def test_many_documents_and_standard_input(engine, serve):
    server = serve(sends("[]"))
    documents = [spawner(n, server.url) for n in "ab"]
    as_yaml = "# a comment\n---\n" + yaml.safe_dump_all(documents) + "---\n---\n"
    for text in (as_yaml, json.dumps(documents[0]) + "\n---\n" + json.dumps(documents[1])):
        assert set(engine.decisions_of_text("plan", text)) == {"a", "b"}
    assert set(engine.decisions_of_text("plan", json.dumps(documents[0]))) == {"a"}
    directory = engine.directory / "d"
    for n, name in zip("abc", ("one.yaml", "two.yml", "three.json")):
        engine.write(name=f"d/{name}")
        (directory / name).write_text(json.dumps(spawner(n, server.url)))
    (directory / "README.md").write_text("no document")
    (directory / "below").mkdir()
    (directory / "below" / "x.yaml").write_text("never: read")
    assert set(engine.decisions("plan", "-f", directory)) == {"a", "b", "c"}


def test_one_name_twice(engine):
    path = engine.write(spawner("s", "http://127.0.0.1:1"), spawner("s", "http://127.0.0.1:2"))
    assert "default/s" in engine("check", "-f", path, code=1).stderr or "s" in engine("check", "-f", path, code=1).stderr


def test_namespaces(engine, serve):
    server = serve(sends(json.dumps([ALERT])))
    file = engine.write({**spawner("s", server.url), "metadata": {"name": "s", "namespace": "x"}}, spawner("s", server.url))
    engine("once", "-f", file, "-n", "y", code=0)
    listed = json.loads(engine("get", "tasks", "-o", "json", code=0).stdout)["items"]
    assert sorted(t["metadata"]["namespace"] for t in listed) == ["x", "y"]
    name = listed[0]["metadata"]["name"]
    engine("get", "task", name, code=2)
    assert json.loads(engine("get", "task", name, "-n", "x", "-o", "json", code=0).stdout)["metadata"]["namespace"] == "x"
    engine("delete", "task", name, "-n", "x", code=0)
    assert len(json.loads(engine("get", "tasks", "-o", "json", code=0).stdout)["items"]) == 1


def test_version(engine):
    done = engine("version", code=0)
    assert re.fullmatch(r"\S*.*\d+\.\d+\.\d+.*\n", done.stdout) and done.stderr == ""
    assert engine("--version", code=0).stdout == done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_help(engine, verb):
    done = engine(verb, "--help", code=0)
    assert f"alertspawner {verb}" in done.stdout and "Options:" in done.stdout and done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 132
    assert engine(verb, "-h", code=0).stdout == done.stdout


def test_help_of_all(engine):
    done = engine("--help", code=0)
    for verb in VERBS:
        assert re.search(rf"^\s+{verb}\b", done.stdout, re.M)


@pytest.mark.parametrize("args", [
    [], ["frobnicate"], ["once"], ["plan", "-f"], ["plan", "-f", "x", "--nope"], ["plan", "-f", "x", "-o", "xml"],
    ["plan", "-f", "x", "stray"], ["get"], ["get", "pods"], ["get", "tasks", "a", "b"], ["finish", "task", "x"],
    ["finish", "task", "x", "--phase", "Running"], ["finish", "spawner", "x", "--phase", "Failed"], ["delete", "task"],
    ["plan", "-f", "x", "--timeout", "0"], ["plan", "-f", "x", "--max-response-bytes", "-1"],
    ["version", "--store", "x"], ["plan", "-f", "x", "--log-level", "loud"], ["plan", "-f", "x", "--phase", "Failed"],
], ids=" ".join)
def test_wrong_usage(engine, args):
    done = engine(*args, code=2) if args else engine("", code=2)
    assert done.stderr and done.stdout == ""


def test_wrong_alertmanager_and_store(engine, serve):
    file = engine.write(spawner("s", "http://127.0.0.1:1"))
    assert "--alertmanager" in engine("plan", "-f", file, "--alertmanager", "nonsense").stderr
    done = engine("plan", "-f", file, "--store", "postgres:x")
    assert done.returncode in (1, 2) and "sqlite:" in done.stderr


def test_finish_and_delete_of_what_is_not_there(engine, serve):
    server = serve(sends(json.dumps([ALERT])))
    assert "tasks.db" in engine("finish", "task", "x", "--phase", "Failed", code=1).stderr
    assert json.loads(engine("get", "tasks", "-o", "json", code=0).stdout)["items"] == []
    assert not engine.store.exists()
    engine("once", "-f", engine.write(spawner("s", server.url)), code=0)
    assert "x" in engine("finish", "task", "x", "--phase", "Failed", code=1).stderr
    assert "x" in engine("delete", "task", "x", code=1).stderr
    assert "x" in engine("get", "task", "x", code=1).stderr
    name, = engine.tasks()
    engine("finish", "task", name, "--phase", "Failed", code=0)
    engine("finish", "task", name, "--phase", "Succeeded", code=1)
    assert engine.tasks()[name]["status"]["phase"] == "Failed"
