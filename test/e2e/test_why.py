"""`why`: a policy with a planted bug is found by one command, which names file, line and cause; so is whatever else keeps an
alert from its Task. With a running engine, without one, and offline."""
import json
import re
import threading
import time
import urllib.error
import urllib.request

import pytest
import yaml

import harness
import model
from harness import alert_json, moment, sends, spawner, wait_until

PAY = {"alertname": "HighErrorRate", "team": "payments", "severity": "critical", "track": "stable"}


def policy(body, name="payments", match='team="payments"', more=""):
    """A policy whose body begins in its second line."""
    match = f"match = {json.dumps(match)}, " if match else ""
    return f'return policy.extend(policy.base, {{ api = 1, name = "{name}", {match}{more}\n{body}\n}})'


def fp(labels):
    return model.fingerprint(labels)


def why(engine, server, *args, what="HighErrorRate", code=0, docs=None, **policies):
    """What `why` prints without an engine."""
    file = engine.write(*(docs or [spawner("s", server.url)]))
    more = ["--policies", engine.policies(**policies)] if policies else []
    done = engine("why", what, "-f", file, *more, *args, code=code)
    return done.stdout if code == 0 else done.stderr


def says(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in\n{text}"


# --- policies with a planted bug ---

BUGS = {
    "a label's name is wrong": (
        policy("""filter = function(alert)
  if alert.labels.sevrity ~= "critical" then
    return false, "not critical"
  end
  return true
end"""),
        ["no Task: policy.filter: not critical",
         "would change when filter says otherwise (10-payments.lua:4)",
         'filter    10-payments.lua:4  false  not critical',
         'return false, "not critical"',
         "read labels.sevrity (there is none; did you mean labels.severity?)"]),
    "a condition is inverted": (
        policy("""filter = function(alert)
  return alert.labels.track ~= "stable", "canaries only by hand"
end"""),
        ["no Task: policy.filter: canaries only by hand",
         "filter    10-payments.lua:3  false  canaries only by hand",
         'return alert.labels.track ~= "stable", "canaries only by hand"',
         'read labels.track = "stable"']),
    "a return is missing, so the base decides": (
        policy("""filter = function(alert)
  if alert.labels.severity ~= "critical" then
    return true
  end
  -- was meant: return false, "somebody is on it"
end"""),
        ["a Task would be made now: create.new",
         "filter    10-payments.lua:7  nil  (no opinion: what lies below it is asked)",
         "default.lua:36  true"]),
    "a hook fails": (
        policy("""filter = function(alert)
  local text = "runbook " .. alert.annotations.runbook
  return text ~= ""
end"""),
        ["no Task, because something is wrong: policy.error",
         "would change when 10-payments.lua:3 is mended",
         "filter    10-payments.lua:3  policy.error: attempt to concatenate a nil value (field 'runbook')",
         'local text = "runbook " .. alert.annotations.runbook',
         "read annotations.runbook (there is none)"]),
    "a hook returns what it must not": (
        policy("""filter = function(alert)
  return alert.labels.severity
end"""),
        ["policy.bad_return", "10-payments.lua:3  \"critical\"  policy.bad_return: returned a string of 8 bytes; true or false is",
         "return alert.labels.severity"]),
    "it burns its budget": (
        policy("""filter = function(alert)
  local n = 0
  while n >= 0 do n = n + 1 end
  return true
end"""),
        ["policy.timeout", "filter    10-payments.lua:4  policy.timeout: used more than 2000000 instructions",
         "while n >= 0 do n = n + 1 end"]),
    "super() is asked, and its answer thrown away": (
        policy("""priority = function(alert, ctx, super)
  super()
  return 7
end,
filter = function(alert, ctx, super)
  return super()
end"""),
        ["filter    10-payments.lua:7  true  (what super() said)", "default.lua:36  true",
         "priority  10-payments.lua:4  7", "default.lua:51  1000"]),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(engine, serve, bug):
    source, expected = BUGS[bug]
    server = serve(sends(json.dumps([alert_json(PAY)])))
    text = why(engine, server, **{"10_payments": source})
    says(text, f"HighErrorRate  {fp(PAY)}  active since 2026-01-01T00:00:00.000Z", "default/s: ", *expected)
    assert not engine.store.exists()


def test_another_files_match_shadows_it(engine, serve):
    server = serve(sends(json.dumps([alert_json(PAY)])))
    text = why(engine, server, **{
        "05_wide": policy("filter = function() return false, 'not ours' end", name="wide", match='severity=~"crit.*"'),
        "10_payments": policy("filter = function() return true end"),
        "20_other": policy("", name="other", match='severity="critical",team!="payments"')})
    says(text, "no Task: policy.filter: not ours", "policy       wide (05-wide.lua, version ",
         '05-wide.lua  match severity=~"crit.*"  judges',
         '10-payments.lua  match team="payments"  fits, too, but an earlier file has the alert',
         '20-other.lua  match severity="critical",team!="payments"  does not fit: team is "payments"',
         "filter    05-wide.lua:2  false  not ours")


def test_no_policy_matches(engine, serve):
    server = serve(sends(json.dumps([alert_json({**PAY, "team": "payment"})])))
    text = why(engine, server, **{"10_payments": policy("filter = function() return false, 'x' end")})
    says(text, "a Task would be made now", '10-payments.lua  match team="payments"  does not fit: team is "payment"',
         "default.lua  judges")


def test_a_policy_that_does_not_load(engine, serve):
    server = serve(sends(json.dumps([alert_json(PAY)])))
    text = why(engine, server, **{"10_payments": "return {\n  api = 1,\n  filter = function( return end\n}"})
    says(text, "no Task, because something is wrong: policy.load: 10-payments.lua:3: ",
         "would change when that file loads", "10-payments.lua  cannot be used, and might have been meant for it: 10-payments.lua:3:")
    docs = [spawner("s", server.url, annotations={"alerts.kelos.dev/policy": "payment"})]
    text = why(engine, server, docs=docs, **{"10_payments": policy("")})
    says(text, "policy.missing: no policy is named 'payment'", "when --policies holds a policy named 'payment'",
         "10-payments.lua  match team=\"payments\"  is not the one that the document names")


def test_shadow_and_quarantine(engine, serve):
    server = serve(sends(json.dumps([alert_json(PAY)])))
    text = why(engine, server, **{"10_payments": policy("", more=' mode = "shadow",')})
    says(text, "no Task: policy.shadow", 'would change without mode = "shadow" in 10-payments.lua')

    # what loops in C, where no line is told, is ended by the clock
    text = why(engine, server, **{"10_payments": policy(
        'filter = function(alert)\n  return (("a*"):rep(30) .. "b"):len() > 0 and not (("a"):rep(3000)):find(("a*"):rep(30) .. "b")\nend')})
    says(text, "no Task, because something is wrong: policy.timeout: 10-payments.lua: filter used more than 2s",
         "would change when 10-payments.lua is mended")

    many = [alert_json({**PAY, "alertname": f"A{i}"}) for i in range(8)]
    server = serve(sends(json.dumps(many)))
    text = why(engine, server, what="A7", **{"10_payments": policy("filter = function() while true do end end")})
    says(text, "policy.quarantined", "10-payments.lua", "would change when the quarantine is over")


# --- what the plan says ---

def test_limits(engine, serve):
    busy = {"alertname": "Busy", "severity": "warning"}
    server = serve(sends(json.dumps([alert_json(busy)])))
    docs = [spawner("s", server.url, maxConcurrency=1, when={"priorityLabels": ["severity=critical"]})]
    file = engine.write(*docs)
    engine("once", "-f", file, code=0)
    server = serve(sends(json.dumps([alert_json(busy), alert_json(PAY)])))
    docs[0]["spec"]["when"]["prometheusAlerts"]["url"] = server.url
    text = why(engine, server, docs=docs)
    says(text, "not now: limit.concurrency: maxConcurrency is 1",
         "would change when one of the 1 unfinished Tasks finishes (those of this cycle included), or with a larger maxConcurrency",
         "limits       maxConcurrency 1 of 1")
    text = why(engine, server, what="Busy", docs=docs)
    says(text, "no Task: dedup.active: its Task is Pending", "finishes, and it fires again after that",
         f"Task         s-busy-{fp(busy)}  Pending, created ")
    task, = engine.tasks()
    engine("finish", "task", task, "--phase", "Succeeded", code=0)
    text = why(engine, server, what="Busy", docs=docs)
    says(text, "no Task: dedup.finished", "would change when it resolves and fires again after ", "(retrigger, default.lua:8",
         "Succeeded, created ", "retrigger default.lua:8", "read ctx.last.gone = \"false\", ctx.last.phase = \"Succeeded\"")

    # a rate: eligible again at
    hourly = policy("", more=" limits = { per_hour = 1 },")
    server = serve(sends(json.dumps([alert_json(PAY)])))
    file = engine.write(spawner("h", server.url))
    directory = engine.policies(**{"10_payments": hourly})
    engine("once", "-f", file, "--policies", directory, code=0)
    server = serve(sends(json.dumps([alert_json(PAY), alert_json({**PAY, "pod": "b"})])))
    engine.write(spawner("h", server.url))
    answer = json.loads(engine("why", fp({**PAY, "pod": "b"}), "-f", file, "--policies", directory, "-o", "json", code=0).stdout)
    d, = answer["alerts"][0]["decisions"]
    assert (d["verdict"], d["reason"]) == ("wait", "limit.rate")
    assert {"limit": "per_hour", "used": 1, "of": 1} in d["limits"]
    assert re.fullmatch(r"eligible at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", d["would_change"])
    assert abs(harness.parse_moment(d["would_change"][12:]) - time.time() - 3600) < 120
    text = engine("why", fp({**PAY, "pod": "b"}), "-f", file, "--policies", directory, code=0).stdout
    says(text, "not now: limit.rate: ", f"would change at {d['would_change'][12:]}\n")


def test_groups_and_collisions(engine, serve):
    other = {**PAY, "pod": "b"}
    server = serve(sends(json.dumps([alert_json(PAY, startsAt="2026-01-01T00:00:00Z"),
                                     alert_json(other, startsAt="2026-01-02T00:00:00Z")])))
    text = why(engine, server, what=fp(other), **{"10_payments": policy(
        'key = function(alert)\n  return "team " .. alert.labels.team\nend')})
    says(text, f"no Task: group.member: {fp(PAY)} leads", f"would change when alert {fp(PAY)}, which leads its group, has resolved",
         f"led by       {fp(PAY)}  HighErrorRate", "key          team payments", "key       10-payments.lua:3  \"team payments\"",
         'return "team " .. alert.labels.team')

    # one Task name for two alerts; a Task of that name that is another spawner's
    docs = [spawner("a", server.url, template={"nameTemplate": "fix-{{.Title}}"})]
    text = why(engine, server, what=fp(other), docs=docs)
    says(text, f"no Task: dedup.name: {fp(PAY)} leads", f"with another Task name than that of alert {fp(PAY)} (nameTemplate)")


# --- what the source says ---

SELECTORS = {
    "alertname": ({"alertNames": ["Other", "Another"]}, 'wants alertname Other or Another; it is "HighErrorRate"', "source.alertname"),
    "labels": ({"labels": {"team": "payments", "env": "prod"}}, "wants env=prod; it has no label env", "source.labels"),
    "labels differ": ({"labels": {"team": "search"}}, 'wants team=search; it has "payments"', "source.labels"),
    "severity": ({"severities": ["warning", "info"]}, 'wants severity warning or info; it is "critical"', "source.severity"),
    "excludeLabels": ({"excludeLabels": {"track": "stable"}}, "excludes track=stable, which it has", "source.exclude_labels"),
}


@pytest.mark.parametrize("which", SELECTORS)
def test_a_selector_excludes_it(engine, serve, which):
    when, detail, reason = SELECTORS[which]
    server = serve(sends(json.dumps([alert_json(PAY)])))
    docs = [spawner("narrow", server.url, when=when)]
    text = why(engine, server, docs=docs)
    says(text, "No spawner took it:\n", f"default/narrow: {detail} ({reason})", "would change if ")
    docs.append(spawner("wide", server.url))
    text = why(engine, server, docs=docs)
    says(text, "default/wide: a Task would be made now: create.new", "Other spawners do not take it:\n",
         f"default/narrow: {detail} ({reason})")
    docs = [spawner("s", server.url, suspend=True)]
    says(why(engine, server, docs=docs), "default/s: the document says suspend: true (source.suspended)")


def test_silenced_and_inhibited(engine, am):
    labels = {"alertname": "Disk", "cluster": "c1"}
    am.fire(labels)
    am.fire({"alertname": "Node", "cluster": "c1", "role": "inhibits"})
    am.fire({"alertname": "Pod", "cluster": "c1", "role": "inhibited"})
    am.wait_state({"alertname": "Pod", "cluster": "c1", "role": "inhibited"}, "suppressed")
    am.silence(labels)
    server = am
    text = why(engine, server, what="Disk")
    silence = am.find(labels)["status"]["silencedBy"][0]
    says(text, "Disk  ", "suppressed since", "No spawner took it:", f"silenced by {silence}", "would change when")
    text = why(engine, server, what="Pod")
    says(text, "suppressed since", "inhibited by " + am.find({"alertname": "Node", "cluster": "c1", "role": "inhibits"})["fingerprint"])


# --- what is not there ---

def test_unknown(engine, serve):
    server = serve(sends(json.dumps([alert_json(PAY), alert_json({"alertname": "HighLatency"})])))
    says(why(engine, server, what="HighErorRate", code=1), "no alert is named 'HighErorRate'", "of the 2 that fire",
         "did you mean HighErrorRate?")
    says(why(engine, server, what="High", code=1), "did you mean HighErrorRate or HighLatency?")
    says(why(engine, server, what="0123456789abcdef", code=1), "no alert has the fingerprint (or the name) '0123456789abcdef'")
    wrong = fp(PAY)[:-1] + ("0" if fp(PAY)[-1] != "0" else "1")
    says(why(engine, server, what=wrong, code=1), f"did you mean {fp(PAY)}?")
    says(why(engine, server, what=fp(PAY)[:8]), "HighErrorRate")
    says(why(engine, server, what=fp(PAY).upper()), "HighErrorRate")
    assert "documents" not in engine("why", code=2).stderr
    says(engine("why", "X", code=1).stderr, "with -f FILE, alertspawner why asks Alertmanager and the store itself")
    says(engine("why", "X", "--at", "yesterday", "-f", "x", code=2).stderr, "give a time such as")
    dead = f"http://127.0.0.1:{harness.free_port()}"
    says(why(engine, server, docs=[spawner("s", dead)], code=1), dead)
    # one Alertmanager is away: the others answer all the same
    text = why(engine, server, docs=[spawner("s", dead), spawner("t", server.url)])
    says(text, "default/t: a Task would be made now", "Note: default/s: ", dead)


def test_many_alerts_of_one_name(engine, serve):
    server = serve(sends(json.dumps([alert_json({**PAY, "pod": str(i)}) for i in range(50)])))
    answer = json.loads(why(engine, server, "-o", "json"))
    assert len(answer["alerts"]) == 20 and answer["more"] == 30
    says(why(engine, server), "... and 30 more alerts: ask for one by its fingerprint")


# --- a running engine ---

def test_a_running_engine_is_asked(engine, am):
    am.fire(PAY)
    other = {"alertname": "DiskFull", "node": "n1"}
    am.fire(other)
    directory = engine.policies(**{"10_payments": policy(
        'filter = function(alert)\n  return alert.labels.track == "canary", "only canaries"\nend')})
    file = engine.write(spawner("s", am.url, when={"pollInterval": "5s"}),
                        spawner("narrow", am.url, when={"labels": {"team": "search"}}))
    run = engine.start("run", "-f", file, "--policies", directory, "--listen", "none")
    wait_until(lambda: "cycle done" in run.stderr, "the first cycle")
    text = engine("why", "HighErrorRate", code=0).stdout
    says(text, "default/s: no Task: policy.filter: only canaries", "filter    10-payments.lua:3  false  only canaries",
         'read labels.track = "stable"', 'default/narrow: wants team=search; it has "payments" (source.labels)')
    alone = engine("why", "HighErrorRate", "-f", file, "--policies", directory, code=0).stdout
    strip = lambda t: re.sub(r"\(\S+ ago\)", "", t)
    assert strip(alone) == strip(text)
    answer = json.loads(engine("why", fp(PAY), "-o", "json", code=0).stdout)
    assert yaml.safe_load(engine("why", fp(PAY), "-o", "yaml", code=0).stdout).keys() == answer.keys()
    a, = answer["alerts"]
    assert a["firing"] and a["labels"] == PAY
    d = {x["spawner"]: x for x in a["decisions"]}
    assert d["s"]["chain"][0]["by"] == "10-payments.lua:3" and d["s"]["chain"][0]["value"] is False
    assert d["s"]["chain"][0]["instr"] > 0 and d["s"]["chain"][0]["reads"] == {"labels.track": "stable"}
    assert d["s"]["seen"]["polls"] >= 1
    assert d["narrow"]["reason"] == "source.labels"
    says(engine("why", "HighErrorRate", "--trace", code=0).stdout, "the lines that were executed:", "10-payments.lua:3  return alert")
    says(engine("why", "HighErrorRate", "--spawner", "narrow", code=0).stdout, "No spawner took it")
    says(engine("why", "HighErorRate", code=1).stderr, "did you mean HighErrorRate?")
    says(engine("why", "HighErrorRate", "--spawner", "nobody", code=1).stderr, "there is no spawner to ask: */nobody")

    # it has a Task; then it resolves
    task, = engine.tasks()
    says(engine("why", "DiskFull", code=0).stdout, "no Task: dedup.active", f"Task         {task}")
    am.resolve(other)
    wait_until(lambda: "it was there in the last poll" in (t := engine("why", "DiskFull").stdout) or "last seen" in t, "it is away")
    text = wait_until(lambda: "resolved " in (t := engine("why", "DiskFull").stdout) and t, "it is resolved")
    says(text, f"DiskFull  {fp(other)}  does not fire", "default/s remembers:", "resolved     last seen ", " ago)",
         f"Task         {task}  Pending, created ")
    says(engine("why", fp(other), code=0).stdout, "does not fire")
    # plans are neither logged nor carried out
    assert len(engine.tasks()) == 1
    code, took = run.terminate()
    assert code == 0 and took < 5
    says(engine("why", "DiskFull", code=1).stderr, "with -f FILE")
    # without an engine, the store is read all the same
    says(engine("why", "DiskFull", "-f", file, code=0).stdout, "does not fire", "default/s remembers:")

class Slow:
    """Answers cycles at once, and questions (which want silenced alerts, too) only when it may."""

    def __init__(self, serve):
        self.may = threading.Event()
        self.asked = 0
        self.server = serve(self.answer)
        self.url = self.server.url

    def answer(self, handler):
        if "silenced=true" in handler.path:
            self.asked += 1
            self.may.wait(30)
        harness.send(handler, json.dumps([alert_json(PAY)]))


def test_questions_come_and_go(engine, serve):
    """Several at once, one whose client goes away, a document that changes and an engine that stops meanwhile."""
    slow = Slow(serve)
    docs = [spawner("s", slow.url, when={"pollInterval": "5s"}), spawner("t", slow.url, when={"labels": {"team": "x"}})]
    file = engine.write(*docs)
    run = engine.start("run", "-f", file, "--listen", "none")
    wait_until(lambda: run.stderr.count("cycle done") >= 2, "the first cycles")
    asking = [engine.start("why", "HighErrorRate") for _ in range(4)]
    wait_until(lambda: slow.asked, "the question has come to Alertmanager")
    asking[1].kill()
    engine.write(docs[0])  # t is gone while somebody asks about it
    wait_until(lambda: "no longer watched" in run.stderr, "the change is taken up")
    slow.may.set()
    for one in (asking[0], asking[2], asking[3]):
        wait_until(lambda: one.process.poll() is not None, "the answer")
        assert one.process.returncode == 0, one.stderr
        says(one.stdout, "default/s: ")
    assert slow.asked >= 3
    slow.may.clear()
    last = engine.start("why", "HighErrorRate")
    before = slow.asked
    wait_until(lambda: slow.asked > before or last.process.poll() is not None, "another question")
    code, took = run.terminate()
    slow.may.set()
    assert code == 0 and took < 6, (code, took)
    wait_until(lambda: last.process.poll() is not None, "the question is given up")
    assert last.process.returncode == 1 and last.stderr.startswith("Error: ")
    assert "Sanitizer" not in run.stderr and "runtime error" not in run.stderr, run.stderr


def test_http_answers(engine, serve):
    """What the socket says to who speaks HTTP."""
    server = serve(sends(json.dumps([alert_json(PAY)])))
    file = engine.write(spawner("s", server.url, when={"pollInterval": "5s"}))
    port = harness.free_port()
    run = engine.start("run", "-f", file, "--listen", f"127.0.0.1:{port}")
    wait_until(lambda: "cycle done" in run.stderr, "the first cycle")

    def get(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)
    status, answer = get("/api/v1/why/HighErrorRate")
    assert status == 200 and answer["alerts"][0]["decisions"][0]["spawner"] == "s"
    assert get("/api/v1/why/Nobody")[0] == 404
    assert get("/api/v1/why/")[0] in (400, 404)
    assert get("/api/v1/why/" + "x" * 2000)[0] == 400
    assert get("/api/v1/why/HighErrorRate?spawner=nobody")[0] == 404
    says(engine("why", "HighErrorRate", "--engine", f"http://127.0.0.1:{port}", code=0).stdout, "default/s: ")
    says(engine("why", "HighErrorRate", "--engine", "http://127.0.0.1:1", code=1).stderr, "127.0.0.1:1")
    run.terminate()


# --- offline ---

def test_offline(engine, tmp_path):
    alert = tmp_path / "alert.json"
    alert.write_text(json.dumps(alert_json(PAY, startsAt="2026-03-07T09:00:00Z")))
    file = engine.write(spawner("s", "http://127.0.0.1:1"))
    directory = engine.policies(**{"10_payments": policy("""filter = function(alert, ctx)
  local hour = ctx.now // 3600 % 24
  return hour >= 8 and hour < 18, "at night"
end""")})
    args = ("-f", file, "--policies", directory, "--alert", alert)
    text = engine("why", *args, "--at", "2026-03-07T10:00:00Z", code=0).stdout
    says(text, "active since 2026-03-07T09:00:00Z (1h ago)", "a Task would be made now")
    text = engine("why", *args, "--at", "2026-03-07T23:00:00+01:00", "--trace", code=0).stdout
    says(text, "no Task: policy.filter: at night", "10-payments.lua:4  return hour >= 8 and hour < 18, \"at night\"    -- hour=22")
    says(engine("why", "--alert", alert, code=2).stderr, "--alert goes with -f")
    says(engine("why", "X", "-f", file, "--at", "2026-03-07T10:00:00Z", code=2).stderr, "--at goes with --alert")
    says(engine("why", "-f", file, "--alert", tmp_path / "none.json", code=1).stderr, "none.json")
    alert.write_text('{"labels": ')
    assert engine("why", *args, code=1).stderr.startswith("Error: ")
    alert.write_text("[]")
    says(engine("why", *args, code=1).stderr, "there is no alert")


def test_text_of_strangers_stays_text(engine, serve):
    labels = {**PAY, "track": "x\x1b[2J\x1b[31m\nError: forged"}
    server = serve(sends(json.dumps([alert_json(labels)])))
    text = why(engine, server, **{"10_payments": policy(
        "filter = function(alert)\n  return alert.labels.track == 'y', alert.labels.track\nend")})
    assert "\x1b" not in text and "\nError: forged" not in text
    says(text, r"\x1b[2J")


# --- plan and once ---

def test_plan_explains_on_demand(engine, serve):
    server = serve(sends(json.dumps([alert_json(PAY), alert_json({"alertname": "B"})])))
    file = engine.write(spawner("s", server.url))
    directory = engine.policies(**{"10_payments": policy('filter = function() return false, "no" end')})
    plain = engine.decisions("plan", "-f", file, "--policies", directory)["s"]
    assert all("chain" not in d and d["time"] and d["spawner"] == "s" for d in plain)
    by = {d["alertname"]: d for d in engine.decisions("plan", "-f", file, "--policies", directory, "--explain")["s"]}
    drop = by["HighErrorRate"]
    link, = drop["chain"]
    assert (link["hook"], link["by"], link["value"], link["reason"]) == ("filter", "10-payments.lua:2", False, "no")
    assert link["us"] >= 0 and link["instr"] > 0 and link["decided"]
    assert [(p["file"], p["fit"]) for p in drop["policies"]] == [("10-payments.lua", "chosen")]
    kept = by["B"]
    assert [x["hook"] for x in kept["chain"]] == ["filter", "key", "priority", "title", "body"]
    assert kept["chain"][3]["value"] == "B" and "would_change" not in kept
    assert by["B"]["verdict"] == "create" and engine.decisions("once", "-f", file, "--explain")["s"][0]["chain"]
