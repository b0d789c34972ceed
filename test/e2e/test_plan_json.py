"""What `plan` prints is a contract: names, reasons, one decision for every alert, exit codes, streams."""
import json
import pathlib
import re

import pytest
import yaml

import harness
import model
from harness import alert_json, sends, spawner

REASONS_DEF = pathlib.Path(__file__).resolve().parents[2] / "core" / "reconcile" / "reasons.def"
REASONS = set(re.findall(r'^REASON\(\w+, "([^"]+)"', REASONS_DEF.read_text(), re.M)) - {"policy.*"}

A, B, C, D, E, F = ({"alertname": n, "severity": "warning"} for n in "ABCDEF")


def alerts():
    """One of each kind that a server may send."""
    suppressed = {"inhibitedBy": [], "silencedBy": ["x"], "state": "suppressed"}
    inhibited = {"inhibitedBy": ["y"], "silencedBy": [], "state": "suppressed"}
    silenced_but_active = {"inhibitedBy": [], "silencedBy": ["x"], "state": "active"}
    return [
        (alert_json(A), "create", "create.new"),
        (alert_json(B, status={"inhibitedBy": [], "silencedBy": [], "state": "unprocessed"}), "create", "create.new"),
        (alert_json(C, status=suppressed), "skip", None),
        (alert_json(D, status=inhibited), "skip", None),
        (alert_json(E, status=silenced_but_active), "skip", "source.silenced"),
        (alert_json({**F, "team": "b"}), "skip", "source.exclude_labels"),
        (alert_json({**F, "ns": "staging"}), "skip", "source.labels"),
        (alert_json({"alertname": "Zzz", "severity": "warning"}), "skip", "source.alertname"),
        (alert_json({"alertname": "A", "severity": "info"}), "skip", "source.severity"),
        (alert_json(A, fingerprint="not hex"), "error", "error.alert"),
        (alert_json({**A, "n": "1"}, labels="none"), "error", "error.alert"),
        (alert_json({**A, "n": "2"}, startsAt=17), "error", "error.alert"),
        ({"labels": {"alertname": "A"}}, "error", "error.alert"),
        ({}, "error", "error.alert"),
        (5, "error", "error.alert"),
        (None, "error", "error.alert"),
        ([], "error", "error.alert"),
        ("alert", "error", "error.alert"),
    ]


WHEN = {"alertNames": list("ABCDEF"), "severities": ["warning"], "excludeLabels": {"team": "b"}, "labels": {"ns": ""}}


def body():
    return json.dumps([a for a, _, _ in alerts()])


def test_one_decision_for_every_alert(engine, serve):
    server = serve(sends(body()))
    file = engine.write(spawner("s", server.url, when=WHEN))
    done = engine("plan", "-f", file, "-o", "json", code=1)
    report = json.loads(done.stdout)
    assert list(report) == ["spawners"]
    s, = report["spawners"]
    assert (list(s), s["name"], s["namespace"]) == (["name", "namespace", "decisions"], "s", "default")
    assert len(s["decisions"]) == len(alerts())
    for d, (alert, verdict, reason) in zip(s["decisions"], alerts()):
        assert list(d)[:8] == ["fingerprint", "alertname", "verdict", "reason", "detail", "task", "policy", "policyHash"]
        assert (d["spawner"], d["namespace"]) == ("s", "default") and d["time"] and d["generation"]
        assert d["policy"] == ("" if reason and reason.startswith(("source.", "error.")) or verdict == "skip" else "default")
        assert all(isinstance(v, str) for v in list(d.values())[:8])
        assert d["reason"] in REASONS
        assert d["verdict"] == verdict, (alert, d)
        if reason:
            assert d["reason"] == reason, (alert, d)
        if isinstance(alert, dict) and reason != "error.alert":
            assert (d["fingerprint"], d["alertname"]) == (alert["fingerprint"], alert["labels"]["alertname"])
        if verdict == "create":
            assert d["task"] == model.task_name("s", model.item_id(d["alertname"], d["fingerprint"]), d["fingerprint"])
        if verdict == "error":
            assert d["detail"]
    assert not engine.store.exists()


def test_a_duplicate_key_is_that_alerts_error(engine, serve):
    a, b = json.dumps(alert_json(A)), json.dumps(alert_json(B))
    server = serve(sends(f'[{a[:-1]}, "labels": {{}}}}, {b}]'))
    decisions = engine.decisions("plan", "-f", engine.write(spawner("s", server.url)), code=1)["s"]
    assert [(d["verdict"], d["reason"]) for d in decisions] == [("error", "error.alert"), ("create", "create.new")]


def test_yaml_says_the_same(engine, serve):
    nasty = [alert_json({"alertname": n}) for n in
             ("yes", "null", "0x10", "1e3", "- a", "a: b", "#c", "'", '"', " x ", "a\nb\n", "\t", "é\u2028\u0085", "~", "*x", "{}", "...", "---")]
    server = serve({"/a": sends(json.dumps(nasty)), "/b": sends("[]"), "/c": sends("null"), "/d": sends(body())})
    file = engine.write(*[spawner(n, f"{server.url}/{n}") for n in "abcd"])
    as_json = json.loads(engine("plan", "-f", file, "-o", "json", code=1).stdout)
    as_yaml = yaml.safe_load(engine("plan", "-f", file, "-o", "yaml", code=1).stdout)
    for report in (as_json, as_yaml):  # made at two times
        assert all(d.pop("time") for s in report["spawners"] for d in s["decisions"])
    assert as_yaml == as_json
    assert [d["alertname"] for d in as_json["spawners"][0]["decisions"]] == [a["labels"]["alertname"] for a in nasty]


def test_yaml_of_nothing(engine, serve):
    server = serve(sends("[]"))
    done = engine("plan", "-f", engine.write(spawner("a", server.url)), "-o", "yaml", code=0)
    assert yaml.safe_load(done.stdout) == {"spawners": [{"name": "a", "namespace": "default", "decisions": []}]}


def test_the_table_counts(engine, serve):
    server = serve(sends(body()))
    file = engine.write(spawner("s", server.url, when=WHEN))
    done = engine("plan", "-f", file, code=1)
    counts = {}
    for _, verdict, _ in alerts():
        counts[verdict] = counts.get(verdict, 0) + 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"default/s: {len(alerts())} alerts")
    for verdict, n in counts.items():
        assert re.search(rf"\b{n} {verdict}\b", lines[0]), lines[0]
    assert lines[1].split() == ["VERDICT", "ALERTNAME", "FINGERPRINT", "REASON", "TASK", "DETAIL"]
    assert len(lines) == 2 + len(alerts())
    for line, (_, verdict, _) in zip(lines[2:], alerts()):
        assert line.split()[0] == verdict


@pytest.mark.parametrize("verb", ["plan", "once"])
@pytest.mark.parametrize("top", [0x80, 0xa0], ids=["C0", "C1"])
def test_alert_text_never_reaches_the_terminal_raw(engine, serve, verb, top):
    evil = "\x1b]0;owned\x07\x1b[2J\r\x08\x7f\x00\n\u009b31m\u202eevil"
    server = serve(sends(json.dumps([alert_json({"alertname": evil}), alert_json({"alertname": "A", "x": evil}, startsAt=evil)])))
    file = engine.write(spawner("s", server.url, template={"branch": "{{.Title}}", "promptTemplate": "{{.Title}}"}))
    done = engine(verb, "-f", file, code=1)
    for stream in (done.stdout, done.stderr) + ((engine("get", "tasks", code=0).stdout,) if verb == "once" else ()):
        raw = [c for c in stream if (ord(c) < 0x20 and c != "\n") or 0x7f <= ord(c) < 0xa0 or c == "\u202e"]
        assert not raw, (raw, stream)


def test_the_table_of_plan_is_clean(engine, serve):
    """As above, standard output alone."""
    server = serve(sends(json.dumps([alert_json({"alertname": "\x1b[2J\r\t\n\x7f"})])))
    done = engine("plan", "-f", engine.write(spawner("s", server.url)), code=0)
    assert "\\x1b[2J\\x0d" in done.stdout
    assert not [c for c in done.stdout if (ord(c) < 0x20 and c != "\n") or ord(c) == 0x7f]


def test_results_and_logs_are_apart(engine, serve):
    server = serve(sends("[]"))
    done = engine("plan", "-f", engine.write(spawner("s", server.url)), "-o", "json", "--log-level", "debug", code=0)
    json.loads(done.stdout)
    done = engine("plan", "-f", engine.write(spawner("s", server.url)), "-o", "json", code=0)
    assert done.stderr == ""


def test_exit_codes(engine, serve):
    server = serve({"/good": sends(json.dumps([alert_json(A)])), "/bad": sends("null"), "/worse": sends("[5]")})
    assert engine("plan", "-f", engine.write(spawner("s", server.url + "/good"))).returncode == 0
    assert engine("plan", "-f", engine.write(spawner("s", server.url + "/bad"))).returncode == 1
    assert engine("plan", "-f", engine.write(spawner("s", server.url + "/worse"))).returncode == 1
    assert engine("plan", "-f", engine.directory / "absent.yaml").returncode == 1
    broken = {**spawner("s", server.url + "/good"), "kind": "Pod"}
    assert engine("plan", "-f", engine.write(spawner("s", server.url + "/good"), broken)).returncode == 1
    assert engine("plan").returncode == 2
    assert engine("plan", "-f", "x", "-o", "xml").returncode == 2
    assert engine("plan", "--frobnicate").returncode == 2


def test_a_name_of_two_alerts(engine, serve):
    """nameTemplate may group: the first becomes a Task, the others say so."""
    server = serve(sends(json.dumps([alert_json({"alertname": "A", "pod": str(i)}) for i in range(3)])))
    file = engine.write(spawner("s", server.url, template={"nameTemplate": "fix-{{.Title}}"}))
    decisions = engine.decisions("once", "-f", file)["s"]
    assert sorted(d["verdict"] + " " + d["reason"] for d in decisions) == ["create create.new"] + ["skip dedup.name"] * 2
    assert set(engine.tasks()) == {"fix-a"}
