"""Storm control: what a policy's limits hold back and until when, and what is remembered from one cycle to the next."""
import json
import re
import time

import pytest

import harness
import model
from harness import alert_json, reasons, send, spawner, wait_until

NAMED = {"alerts.kelos.dev/policy": "mine"}


def alert(name, **more):
    labels = {"alertname": name, **more.pop("labels", {})}
    return alert_json(labels, **more)


def fp(name, **labels):
    return model.fingerprint({"alertname": name, **labels})


def policy(body, name="mine", match=None):
    match = f"match = {json.dumps(match)}, " if match else ""
    return f'return policy.extend(policy.base, {{ api = 1, name = "{name}", {match}\n{body}\n}})'


class Source:
    """A server whose alerts the test changes; `broken`: it fails."""

    def __init__(self, serve):
        self.alerts, self.broken = [], False
        self.server = serve(self.answer)
        self.url = self.server.url

    def answer(self, handler):
        if self.broken:
            send(handler, "no", status=500)
        else:
            send(handler, json.dumps(self.alerts))


@pytest.fixture
def source(serve):
    return Source(serve)


def cycle(engine, source, policy_source, verb="once", code=0, annotations=NAMED, **more):
    file = engine.write(spawner("s", source.url, annotations=annotations, **more))
    directory = engine.policies(mine=policy_source)
    return engine.decisions(verb, "-f", file, "--policies", directory, code=code)["s"]


def by_name(decisions):
    return {d["alertname"]: d for d in decisions}


def said(decisions):
    return {d["alertname"]: f"{d['verdict']} {d['reason']}" for d in decisions}


def fired_again(name):
    return alert(name, startsAt=harness.moment())


def test_per_hour_counts_over_cycles_and_retriggers(engine, source):
    three = policy("limits = { per_hour = 3 }")
    source.alerts = [alert("A"), alert("B")]
    before = time.time()
    assert said(cycle(engine, source, three)) == {"A": "create create.new", "B": "create create.new"}
    after = time.time()
    old = engine.tasks()
    for name in old:
        engine("finish", "task", name, "--phase", "Failed", code=0)
    source.alerts = [fired_again("A"), fired_again("B"), alert("C")]
    plan = cycle(engine, source, three, verb="plan")
    done = cycle(engine, source, three)
    assert said(plan) == said(done) == {"A": "retrigger retrigger.refired", "B": "wait limit.rate", "C": "wait limit.rate"}
    waits = by_name(done)
    for name in "BC":
        d = waits[name]
        # the hour of the first creations: both stand for two of the three
        assert before + 3600 <= harness.parse_moment(d["eligibleAt"]) + 0.001 and \
            harness.parse_moment(d["eligibleAt"]) <= after + 3600.001
        shown = re.fullmatch(r"3 of 3 Tasks in the last hour \(per_hour\); eligible at (\S+)", d["detail"])
        assert 0 <= harness.parse_moment(shown[1]) - harness.parse_moment(d["eligibleAt"]) < 1
    assert "eligibleAt" not in waits["A"]
    # limits are asked before the old Task goes
    b, = (n for n in old if "-b-" in n)
    assert engine.tasks()[b]["metadata"]["uid"] == old[b]["metadata"]["uid"]
    message = engine.spawner("s")["status"]["message"]
    assert re.search(r"; 2 wait for a limit, the next may go at 20\S+Z$", message), message
    # a policy without limits is not held by what another had
    source.alerts = [alert("D")]
    assert said(cycle(engine, source, policy("", name="other"), annotations=None)) == {"D": "create create.new"}


def test_the_table_says_until_when(engine, source):
    source.alerts = [alert("A"), alert("B")]
    cycle(engine, source, policy("limits = { per_day = 1 }"))
    done = engine("plan", "-f", engine.directory / "documents.yaml", "--policies", engine.directory / "policies", code=0)
    line, = (x for x in done.stdout.splitlines() if "limit.rate" in x)
    assert re.search(r"1 of 1 Tasks in the last day \(per_day\); eligible at 20\S+Z$", line)


def test_each_who_waits_has_a_turn(engine, source):
    source.alerts = [alert(n) for n in "ABCDE"]
    done = by_name(cycle(engine, source, policy("limits = { per_hour = 2 }")))
    at = [harness.parse_moment(done[n]["eligibleAt"]) for n in "CDE"]
    assert at[0] == at[1] and at[2] == pytest.approx(at[0] + 3600, abs=0.01)


def test_reserve(engine, source):
    reserve = policy("""
        limits = { reserve = { slots = 1, priority = 10 } },
        priority = function(alert) return alert.labels.severity == "critical" and 10 or 100 end""")
    source.alerts = [alert("A"), alert("B")]
    done = cycle(engine, source, reserve, maxConcurrency=2)
    assert said(done) == {"A": "create create.new", "B": "wait limit.concurrency"}
    assert by_name(done)["B"]["detail"] == "maxConcurrency is 2, 1 of it reserved for priority 10 and better (reserve)"
    source.alerts.append(alert("C", labels={"severity": "critical"}))
    assert said(cycle(engine, source, reserve, maxConcurrency=2)) == {
        "A": "skip dedup.active", "B": "wait limit.concurrency", "C": "create create.new"}


def test_shadow_decides_and_makes_nothing(engine, source):
    source.alerts = [alert("A"), alert("B", labels={"team": "x"})]
    file = engine.write(spawner("s", source.url, maxTotalTasks=1))
    directory = engine.policies(mine=policy('mode = "shadow"', match='alertname="A"'))
    done = engine.decisions("once", "-f", file, "--policies", directory)["s"]
    assert said(done) == {"A": "skip policy.shadow", "B": "create create.new"}
    assert len(engine.tasks()) == 1
    assert "limit" not in engine.spawner("s")["status"]["message"]


def test_ramp_and_freeze_in_run(engine, source):
    """1, 2 and 4 Tasks in the first cycles; then nearly everything is gone at once."""
    source.alerts = [alert(f"A{i}") for i in range(8)]
    file = engine.write(spawner("s", source.url, when={"pollInterval": "5s"}, annotations=NAMED))
    run = engine.start("run", "-f", file, "--policies", engine.policies(mine=policy("limits = { ramp = 1 }")))

    def cycles():
        return re.findall(r"cycle done: (\d+) alerts: (\d+) created, .*? (\d+) waiting", run.stderr)
    wait_until(lambda: len(cycles()) >= 4, "four cycles")
    assert cycles()[:4] == [("8", "1", "7"), ("8", "2", "5"), ("8", "4", "1"), ("8", "1", "0")]
    assert re.search(r"created Task s-a0-\S+ for A0 .*policy mine [0-9a-f]{32}\n", run.stderr)
    source.alerts = source.alerts[:1]
    n = len(cycles())
    wait_until(lambda: len(cycles()) >= n + 3, "three more cycles")
    frozen = "the number of alerts fell from 8 to 1 at "
    assert run.stderr.count(frozen) == 1
    assert frozen in engine.spawner("s")["status"]["message"]
    source.alerts = [alert(f"A{i}") for i in range(8)]
    n = len(cycles())
    wait_until(lambda: len(cycles()) >= n + 3, "three more cycles")
    assert run.stderr.count(frozen) == 1 and run.stderr.count("the number of alerts is 8 now") == 1
    assert frozen not in engine.spawner("s")["status"]["message"]
    assert run.terminate()[0] == 0


def test_members_of_a_group(engine, source):
    grouped = policy("""
        key = function(alert) return alert.labels.team end,
        priority = function(alert) return tonumber(alert.labels.p) end,
        body = function(alert, ctx)
            local names = {}
            for _, a in ipairs(ctx.group) do names[#names + 1] = a.name end
            return ctx.group.count .. " of " .. alert.name .. ": " .. table.concat(names, " ")
        end""")
    source.alerts = [alert("A", labels={"team": "x", "p": "5"}), alert("B", labels={"team": "x", "p": "1"}),
                     alert("C", labels={"team": "x", "p": "5"}, startsAt="2025-01-01T00:00:00.000Z"),
                     alert("D", labels={"team": "y", "p": "5"})]
    source.alerts += [alert(f"M{i:02d}", labels={"team": "z", "p": str(100 - i)}) for i in range(60)]
    done = cycle(engine, source, grouped, template={"promptTemplate": "{{.Body}}"})
    assert {d["alertname"] for d in done if d["verdict"] == "create"} == {"B", "D", "M59"}
    prompts = {t["spec"]["prompt"] for t in engine.tasks().values()}
    fifty = " ".join(f"M{i:02d}" for i in range(59, 9, -1))
    assert prompts == {"3 of B: B C A", "1 of D: D", f"60 of M59: {fifty}"}


def test_the_last_task_is_there_when_the_next_is_written(engine, source):
    last = policy("body = function(alert, ctx) return ctx.last.attempts .. ' ' .. ctx.last.phase end")
    source.alerts = [alert("A")]
    cycle(engine, source, last, template={"promptTemplate": "{{.Body}}"})
    (name, first), = engine.tasks().items()
    engine("finish", "task", name, "--phase", "Failed", code=0)
    source.alerts = [fired_again("A")]
    cycle(engine, source, last, template={"promptTemplate": "{{.Body}}"})
    (_, second), = engine.tasks().items()
    assert first["spec"]["prompt"].strip() == "0" and second["spec"]["prompt"] == "1 Failed"


COUNTS = policy("""
    filter = function(alert, ctx)
        ctx.state.n = (ctx.state.n or 0) + 1
        ctx.note("n", ctx.state.n)
        if alert.labels.fails then error("no") end
        return alert.labels.drop == nil
    end""")


def test_state_and_notes(engine, source):
    source.alerts = [alert("A"), alert("B", labels={"drop": "yes"}), alert("C", labels={"fails": "yes"})]

    def notes(verb):
        done = cycle(engine, source, COUNTS, verb=verb, code=1)
        return {d["alertname"]: d.get("notes", {}).get("n") for d in done if d["verdict"] != "error"}
    assert notes("once") == {"A": "1", "B": "1"}
    assert notes("once") == {"A": "2", "B": "2"}
    assert notes("plan") == {"A": "3", "B": "3"}  # a plan keeps nothing
    assert notes("once") == {"A": "3", "B": "3"}
    # what an error wrote is not kept
    source.alerts = [alert("C", labels={"fails": "yes"})]
    del source.alerts[0]["labels"]["fails"]  # the same fingerprint, healed
    done = cycle(engine, source, COUNTS)
    assert done[0]["notes"] == {"n": "1"}


def test_state_of_a_group_is_its_leaders(engine, source):
    counts = policy("""
        key = function(alert) return "all" end,
        filter = function(alert, ctx) ctx.state[alert.name] = true; ctx.note("A", ctx.state.A == true and ctx.state.B == nil) return true end""")
    source.alerts = [alert("A", startsAt="2025-01-01T00:00:00.000Z"), alert("B")]
    for _ in range(2):
        done = by_name(cycle(engine, source, counts))
        assert done["B"]["reason"] == "group.member"
    assert done["A"]["notes"] == {"A": "true"}


def test_state_with_another_version_starts_empty(engine, source):
    source.alerts = [alert("A")]
    for expected in "12":
        assert cycle(engine, source, COUNTS)[0]["notes"] == {"n": expected}
    newer = COUNTS.replace("api = 1,", "api = 1, state_version = 2,")
    for expected in "12":
        assert cycle(engine, source, newer)[0]["notes"] == {"n": expected}


CANCELS = policy("""
    reasons = { quiet = "nobody needs it any more" },
    on_resolve = function(alert, ctx) return "cancel_pending", alert.name == "Q" and "quiet" or nil end""")


@pytest.mark.parametrize("name,reason", [("A", "resolve.cancelled"), ("Q", "policy.quiet")])
def test_a_pending_task_is_cancelled_when_its_alert_has_resolved(engine, source, name, reason):
    source.alerts = [alert(name)]
    created, = cycle(engine, source, CANCELS)
    source.alerts = []
    assert cycle(engine, source, CANCELS) == []  # missed once
    source.broken = True
    cycle(engine, source, CANCELS, code=1)       # nothing is concluded from a failed poll
    source.broken = False
    source.alerts = [alert(name)]
    assert said(cycle(engine, source, CANCELS)) == {name: "skip dedup.active"}
    source.alerts = []
    assert cycle(engine, source, CANCELS) == []
    expected = {"fingerprint": fp(name), "alertname": name, "verdict": "cancel", "reason": reason, "task": created["task"],
                "policy": "mine", "policyHash": created["policyHash"]}
    row, = cycle(engine, source, CANCELS, verb="plan")
    assert {k: v for k, v in row.items() if k in expected} == expected
    assert set(engine.tasks()) == {created["task"]}
    row, = cycle(engine, source, CANCELS)
    assert {k: v for k, v in row.items() if k in expected} == expected
    assert engine.tasks() == {}
    assert cycle(engine, source, CANCELS) == []


def test_without_on_resolve_and_with_a_broken_one_it_stays(engine, source):
    source.alerts = [alert("A")]
    task = cycle(engine, source, policy(""))[0]["task"]
    source.alerts = []
    for _ in range(3):
        assert cycle(engine, source, policy("")) == []
    row, = cycle(engine, source, policy('on_resolve = function() error("no") end'), code=1)
    assert (row["verdict"], row["reason"], row["task"]) == ("error", "policy.error", task)
    assert set(engine.tasks()) == {task}


def test_a_finished_task_is_not_asked_about(engine, source):
    source.alerts = [alert("A")]
    task = cycle(engine, source, CANCELS)[0]["task"]
    engine("finish", "task", task, "--phase", "Succeeded", code=0)
    source.alerts = []
    for _ in range(3):
        assert cycle(engine, source, CANCELS) == []
    assert set(engine.tasks()) == {task}


def test_a_collapse_concludes_nothing(engine, source):
    source.alerts = [alert(f"A{i}") for i in range(8)]
    cycle(engine, source, CANCELS)
    source.alerts = source.alerts[:1]
    file = engine.directory / "documents.yaml"
    for _ in range(4):
        done = engine("once", "-f", file, "--policies", engine.directory / "policies", "-o", "json", code=0)
        decisions = harness.by_spawner(json.loads(done.stdout))["s"]
        assert reasons(decisions) == {fp("A0"): "skip dedup.active"}
        assert "the number of alerts fell from 8 to 1 at " in done.stderr
    assert len(engine.tasks()) == 8


@pytest.mark.parametrize("limits, spec", [("", {"maxConcurrency": 1}), ("limits = { per_hour = 1 },", {}),
                                          ("", {"maxTotalTasks": 1})])
def test_an_alert_that_cannot_be_rendered_is_in_nobodys_way(engine, source, limits, spec):
    """Its place goes to the next, in the same cycle; what it did not take is not counted."""
    source.alerts = [alert("A"), alert("B"), alert("LongName"), alert("LongerName")]
    template = {"promptTemplate": "{{slice .Title 0 5}}"}
    for verb in ("plan", "once"):
        got = cycle(engine, source, policy(limits), verb=verb, code=1, template=template, **spec)
        assert said(got)["A"] == said(got)["B"] == "error error.template"
        assert said(got)["LongName"] == "create create.new"
        assert said(got)["LongerName"].startswith("wait limit.")
    assert [t["metadata"]["annotations"]["alerts.kelos.dev/alertname"] for t in engine.tasks().values()] == ["LongName"]
