"""Policies from files: what they may decide, how they are chosen, and what happens when they fail: nobody else's cycle
is touched, and no alert gets past a filter by crashing it."""
import json

import pytest

import harness
import model
from harness import alert_json, reasons, sends, spawner

NAMED = {"alerts.kelos.dev/policy": "mine"}


def policy(body, match=None, name="mine"):
    match = f"match = {json.dumps(match)}, " if match is not None else ""
    return f'return policy.extend(policy.base, {{ api = 1, name = "{name}", {match}\n{body}\n}})'


def fps(*labels):
    return [model.fingerprint(x) for x in labels]


A = {"alertname": "A", "node": "n1", "severity": "critical"}
B = {"alertname": "B", "node": "n1", "severity": "warning"}
C = {"alertname": "C", "node": "n2", "severity": "info"}


@pytest.fixture
def three(serve):
    return serve(sends(json.dumps([alert_json(A), alert_json(B), alert_json(C)])))


def decide(engine, server, source, verb="once", code=0, annotations=NAMED, **more):
    file = engine.write(spawner("s", server.url, annotations=annotations, **more))
    return engine.decisions(verb, "-f", file, "--policies", engine.policies(mine=source), code=code)["s"]


def test_a_filter_with_a_code(engine, three):
    done = decide(engine, three, policy("""
        reasons = { noise = "nobody wants these" },
        filter = function(alert, ctx, super)
            if alert.labels.severity == "info" then return false, "noise" end
            if alert.name == "B" then return false, "because of B" end
            return super()
        end"""))
    a, b, c = fps(A, B, C)
    assert reasons(done) == {a: "create create.new", b: "skip policy.filter", c: "skip policy.noise"}
    by = {d["fingerprint"]: d for d in done}
    assert by[b]["detail"] == "because of B"
    task, = engine.tasks().values()
    assert task["metadata"]["annotations"]["alerts.kelos.dev/policy"] == "mine"


def test_a_key_groups(engine, three):
    done = decide(engine, three, policy("""
        key = function(alert) return "Node " .. alert.labels.node end,
        priority = function(alert) return alert.name == "B" and 1 or 5 end"""))
    a, b, c = fps(A, B, C)
    assert reasons(done) == {b: "create create.new", a: "skip group.member", c: "create create.new"}
    tasks = engine.tasks()
    names = {}
    for key in ("Node n1", "Node n2"):
        fp = model.xxh3(key)
        names[key] = model.task_name("s", model.item_id(key, fp), fp)
    assert set(tasks) == set(names.values())
    assert tasks[names["Node n1"]]["spec"]["prompt"].startswith("B\n"), "the leader supplies the content"
    assert tasks[names["Node n1"]]["metadata"]["annotations"]["alerts.kelos.dev/fingerprint"] == model.xxh3("Node n1")
    assert {d["task"] for d in done if d["fingerprint"] in (a, b)} == {names["Node n1"]}
    assert {d["reason"] for d in decide(engine, three, policy(
        'key = function(alert) return "Node " .. alert.labels.node end'))} == {"dedup.active", "group.member"}


def test_priority_title_and_body(engine, three):
    done = decide(engine, three, policy("""
        priority = function(alert) return alert.name == "C" and 0 or 9 end,
        title = function(alert) return "Title of " .. alert.name end,
        body = function(alert, ctx, super) return "before\\n" .. super() .. "\\nafter" end"""), maxConcurrency=1,
        template={"promptTemplate": "{{.Title}}|{{.Body}}"})
    a, b, c = fps(A, B, C)
    assert reasons(done)[c] == "create create.new"
    assert {reasons(done)[a].split()[1], reasons(done)[b].split()[1]} == {"limit.concurrency"}
    task, = engine.tasks().values()
    assert task["spec"]["prompt"] == "Title of C|before\n" + model.body(alert_json(C)) + "\nafter"


@pytest.mark.parametrize("answer,expected", [
    ("return false", "skip policy.retrigger"),
    ('return false, "tired"', "skip policy.tired"),
    ("return true", "retrigger"),
    ("return math.floor(ctx.now) + 3600", "wait wait.eligible"),
    ("return 1", "retrigger"),
    ("return nil", "skip dedup.finished"),
    ("return 'yes'", "error policy.bad_return"),
    ("error('no')", "error policy.error"),
])
def test_retrigger(engine, serve, answer, expected):
    server = serve(sends(json.dumps([alert_json(A)])))
    source = policy(f'reasons = {{ tired = "three were enough" }}, retrigger = function(alert, ctx, super) {answer} end')
    first, = decide(engine, server, source)
    assert first["reason"] == "create.new"
    engine("finish", "task", first["task"], "--phase", "Failed", code=0)
    again, = decide(engine, server, source, code=1 if expected.startswith("error") else 0)
    assert f"{again['verdict']} {again['reason']}".startswith(expected), again
    assert engine.tasks()[first["task"]]["status"]["phase"] == ("Pending" if expected == "retrigger" else "Failed")


def test_which_policy(engine, serve):
    """The first file by name whose match fits; a file without match acts only when named; else the default."""
    server = serve(sends(json.dumps([alert_json(A), alert_json(B), alert_json(C)])))
    directory = engine.policies(
        **{"10_critical": policy("", 'severity="critical"', "critical"),
           "20_node": policy("", 'node="n1"', "node"),
           "05_unnamed": policy("filter = function() return false end", None, "only-when-named")})
    engine.decisions("once", "-f", engine.write(spawner("s", server.url)), "--policies", directory)
    judged = {t["metadata"]["annotations"]["alerts.kelos.dev/alertname"]:
              t["metadata"]["annotations"]["alerts.kelos.dev/policy"] for t in engine.tasks().values()}
    assert judged == {"A": "critical", "B": "node", "C": "default"}
    named = engine.decisions("plan", "-f", engine.write(spawner(
        "t", server.url, annotations={"alerts.kelos.dev/policy": "only-when-named"})), "--policies", directory)["t"]
    assert {d["reason"] for d in named} == {"policy.filter"}
    named = engine.decisions("plan", "-f", engine.write(spawner(
        "t", server.url, annotations={"alerts.kelos.dev/policy": "default"})), "--policies", directory)["t"]
    assert {d["verdict"] for d in named} == {"create"}


def test_config(engine, three):
    source = policy('title = function(a, ctx) return ctx.config.title .. ctx.config.list[2] .. tostring(ctx.config.no) end,'
                    'filter = function(a, ctx) return a.name == ctx.config.only end')
    decide(engine, three, source, annotations={**NAMED, "alerts.kelos.dev/policy-config": json.dumps(
        {"only": "B", "title": "ü", "list": [1, "two"]})}, template={"promptTemplate": "{{.Title}}"})
    assert [t["spec"]["prompt"] for t in engine.tasks().values()] == ["ütwonil"]


def test_a_missing_policy(engine, three):
    done = decide(engine, three, policy("", name="another"), code=1)
    assert {d["verdict"] + " " + d["reason"] for d in done} == {"error policy.missing"}
    assert not engine.tasks()
    file = engine.write(spawner("s", three.url, annotations=NAMED))
    assert {d["reason"] for d in engine.decisions("plan", "-f", file, code=1)["s"]} == {"policy.missing"}


@pytest.mark.parametrize("source", ["return {", "", "return 5", "error('at the top level')", "while true do end",
                                    "return policy.extend(policy.base, { api = 1, name = 'mine', filtre = 5 })",
                                    "\x1bLua", "local s = 'x' while true do s = s .. s end"],
                         ids=lambda s: repr(s[:30]))
@pytest.mark.parametrize("annotations", [NAMED, None], ids=["named", "by match"])
def test_a_policy_that_does_not_load_fails_closed(engine, three, source, annotations):
    """Nobody knows what its match would have claimed, so nothing becomes a Task."""
    file = engine.write(spawner("s", three.url, annotations=annotations))
    run = engine("once", "-f", file, "--policies", engine.policies(mine=source), "-o", "json", code=1)
    done = harness.by_spawner(json.loads(run.stdout))["s"]
    assert len(done) == 3
    assert {d["verdict"] for d in done} == {"error"}
    assert {d["reason"] for d in done} <= {"policy.load", "policy.missing"}
    assert "mine.lua" in run.stderr
    assert not engine.tasks()


BOMB = '("a"):rep(8000):find((".-"):rep(8) .. "b")'


@pytest.mark.parametrize("crime,expected", [
    ("while true do end", {"policy.timeout"}),
    ("pcall(function() while true do end end) while true do end", {"policy.timeout"}),
    (BOMB, {"policy.timeout", "policy.killed"}),
    ("local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end", {"policy.memory", "policy.timeout", "policy.killed"}),
    ("local function f() return f() + 1 end return f()", {"policy.error", "policy.memory"}),
    ("error({})", {"policy.error"}),
    ("return 0", {"policy.bad_return"}),
    ("return 'false'", {"policy.bad_return"}),
    ("os.exit(0)", {"policy.error"}),
    ("io.open('/etc/passwd')", {"policy.error"}),
    ("require('os')", {"policy.error"}),
    ("load('return 1')()", {"policy.error"}),
    ("alert.labels.x = 1", {"policy.error"}),
    ("debug.sethook()", {"policy.error"}),
])
def test_a_hook_that_fails_costs_one_verdict(engine, three, crime, expected):
    """In the filter, for the alert B alone. The others are judged, and another spawner's cycle is as ever."""
    source = policy(f"filter = function(alert) if alert.name == 'B' then do {crime} end end return true end")
    file = engine.write(spawner("s", three.url, annotations=NAMED), spawner("other", three.url))
    report = engine.decisions("once", "-f", file, "--policies", engine.policies(mine=source), code=1, timeout=180)
    a, b, c = fps(A, B, C)
    assert reasons(report["other"]) == dict.fromkeys((a, b, c), "create create.new")
    got = reasons(report["s"])
    assert got[a] == got[c] == "create create.new"
    verdict, reason = got[b].split()
    assert verdict == "error" and reason in expected
    assert next(d for d in report["s"] if d["fingerprint"] == b)["detail"]
    assert len(engine.tasks()) == 5


@pytest.mark.parametrize("hook", ["key", "priority", "title", "body"])
def test_which_hooks_fall_back(engine, three, hook):
    """key fails closed; priority, title and body fall back to the base, so that a Task is made nevertheless."""
    source = policy(f"{hook} = function(alert) error('oh') end")
    done = decide(engine, three, source, code=1 if hook == "key" else 0)
    if hook == "key":
        assert {d["verdict"] + " " + d["reason"] for d in done} == {"error policy.error"}
    else:
        assert {d["verdict"] for d in done} == {"create"}
        prompts = {t["spec"]["prompt"] for t in engine.tasks().values()}
        assert prompts == {x["alertname"] + "\n" + model.body(alert_json(x)) for x in (A, B, C)}


def test_a_policy_that_kills_every_worker_is_quarantined(engine, serve):
    many = [alert_json({"alertname": "A", "n": str(i)}) for i in range(40)]
    good = alert_json({"alertname": "Good"})
    server = serve(sends(json.dumps(many + [good])))
    directory = engine.policies(mine=policy(f"filter = function(a) return {BOMB} == nil end", 'alertname="A"'))
    done = engine.decisions("once", "-f", engine.write(spawner("s", server.url)), "--policies", directory, code=1,
                            timeout=300)["s"]
    assert len(done) == 41
    assert reasons(done)[good["fingerprint"]] == "create create.new"
    assert {d["reason"] for d in done if d["alertname"] == "A"} <= {"policy.killed", "policy.timeout", "policy.quarantined"}
    assert len(engine.tasks()) == 1


def test_alert_text_is_data(engine, serve):
    evil = {"alertname": "{{.Body}} ]] .. os.exit() --", "x": '"}) os.exit() --'}
    server = serve(sends(json.dumps([alert_json(evil)])))
    engine.decisions("once", "-f", engine.write(spawner("s", server.url, template={"promptTemplate": "{{.Title}}"})))
    assert [t["spec"]["prompt"] for t in engine.tasks().values()] == [evil["alertname"]]
