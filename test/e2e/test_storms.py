"""Storms, flapping and restarts under policies, against models of what docs/policies.md says. Every Task costs
money, so every test counts them. Time passes by moving what the store remembers, never by waiting."""
import json
import pathlib
import random
import shutil
import sqlite3
import time

import pytest

from harness import alert_json, moment, parse_moment, send, spawner, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
POLL = 60  # seconds; longer than a test takes


class Source:
    """An Alertmanager whose alerts the test changes."""

    def __init__(self, serve):
        self.alerts, self.hidden = {}, False
        self.url = serve(self.answer).url

    def answer(self, handler):
        send(handler, json.dumps([] if self.hidden else list(self.alerts.values())))

    def fire(self, name, since=-60, **labels):
        self.alerts[name] = alert_json({"alertname": name, **labels}, startsAt=moment(since))
        return parse_moment(self.alerts[name]["startsAt"])

    def resolve(self, *names):
        for name in names or list(self.alerts):
            del self.alerts[name]


@pytest.fixture
def source(serve):
    return Source(serve)


class Timeline:
    """One spawner under one policy; `pass_time` makes everything that is remembered older."""

    def __init__(self, engine, source):
        self.engine, self.source, self.passed = engine, source, 0
        self.directory = engine.policies()

    def policy(self, name, config=None, source=None, **spec):
        if source is None:
            shutil.copy(ROOT / f"policies/{name}.lua", self.directory)
        else:
            (self.directory / f"{name}.lua").write_text(
                f'return policy.extend(policy.base, {{ api = 1, name = "{name}",\n{source}\n}})')
        annotations = {"alerts.kelos.dev/policy": name}
        if config is not None:
            annotations["alerts.kelos.dev/policy-config"] = json.dumps(config)
        when = {"pollInterval": f"{POLL}s", **spec.pop("when", {})}
        self.file = self.engine.write(spawner("s", self.source.url, when=when, annotations=annotations,
                                              **spec))
        return self

    @property
    def args(self):
        return "-f", self.file, "--policies", self.directory

    def cycle(self, verb="once", code=0):
        return self.engine.decisions(verb, *self.args, code=code)["s"]

    def once(self, verb="once"):
        return {d["alertname"]: f"{d['verdict']} {d['reason']}" for d in self.cycle(verb)}

    def sql(self, text, *values):
        with sqlite3.connect(self.engine.store) as db:
            rows = db.execute(text, values).fetchall()
        db.close()
        return rows

    def pass_time(self, seconds):
        """Negative: the clock steps back."""
        self.passed += seconds
        for alert in self.source.alerts.values():
            alert["startsAt"] = moment(parse_moment(alert["startsAt"]) - time.time() - seconds)
        us = int(seconds * 1_000_000)
        for table, columns in {"creations": ["at"], "keys": ["created_at", "starts_at", "completed_at", "touched_at"],
                               "tasks": ["created_at", "starts_at", "completed_at"], "states": ["touched_at"],
                               "memory": ["polled_at", "frozen_since"]}.items():
            self.sql(f"UPDATE {table} SET " + ", ".join(f"{c} = {c} - {us}" for c in columns))
        self.sql("UPDATE episodes SET first_seen = first_seen - ?1, starts_at = starts_at - ?1,"
                 " last_seen = iif(last_seen > 0, last_seen - ?1, 0), flap_slot = flap_slot - ?1 / 600", int(seconds))

    def now(self):
        return time.time() + self.passed

    def tasks(self):
        return self.engine.tasks()

    def finish(self, *names, phase="Succeeded"):
        for name in names or [n for n, t in self.tasks().items() if t["status"]["phase"] == "Pending"]:
            self.engine("finish", "task", name, "--phase", phase, code=0)

    def created(self):
        return self.engine.spawner("s")["status"]["totalTasksCreated"]

    def content(self):
        """All that the store holds."""
        tables = [t for t, in self.sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {t: self.sql(f"SELECT * FROM {t}") for t in tables}


@pytest.fixture
def line(engine, source):
    return Timeline(engine, source)


def test_escalation(line, source):
    """Three Tasks for an alert that comes back and back; a fourth a day after the last has ended, not before."""
    line.policy("escalation")
    for attempt in 1, 2, 3:
        source.fire("A", since=0)
        expected = "create create.new" if attempt == 1 else "wait wait.eligible"
        assert line.once("plan") == {"A": expected}
        if attempt > 1:
            at = parse_moment(line.cycle("plan")[0]["eligibleAt"])
            line.pass_time(at - time.time() - 30)
            source.fire("A", since=0)
            assert line.once() == {"A": "wait wait.eligible"}
            line.pass_time(31)
            source.fire("A", since=0)
            assert line.once() == {"A": "retrigger policy.retrigger"}
        else:
            line.once()
        assert line.once() == {"A": "skip dedup.active"}
        assert line.created() == attempt
        line.finish(phase="Failed")
        line.pass_time(3)
    for _ in range(3):
        source.fire("A", since=0)
        assert line.once() == {"A": "skip policy.human_needed"}
        line.pass_time(7 * 3600)
    line.pass_time(4 * 3600)
    source.fire("A", since=0)
    assert line.once() == {"A": "retrigger retrigger.refired"}
    prompt, = (t["spec"]["prompt"] for t in line.tasks().values())
    assert prompt.startswith("A\nThis is attempt 1 of 3 "), prompt
    assert line.created() == 4


def test_groups(line, source):
    """A random day of members that join, leave and come back, against the rule: a group is its key; what counts is
    since when the earliest of those that are there fires."""
    rng = random.Random(4)
    line.policy("group_by_owner", {"group_by": ["owner"]})
    owners = {f"A{i}": f"o{i % 2}" for i in range(8)}
    since, tasks, total = {}, {}, 0

    def poll():
        nonlocal total
        want = {}
        for owner in sorted(set(owners[n] for n in since)):
            members = sorted((n for n in since if owners[n] == owner),
                             key=lambda n: (since[n], int(source.alerts[n]["fingerprint"], 16)))
            for n in members[1:]:
                want[n] = "skip group.member"
            task, trigger, leader = tasks.get(owner), since[members[0]], members[0]
            if task is None:
                want[leader] = "create create.new"
            elif task["phase"] == "gone":
                want[leader] = "create recreate.gone"
            elif task["phase"] == "Pending":
                want[leader] = "skip dedup.active"
            elif trigger > task["done"] and trigger > task["since"]:
                want[leader] = "retrigger retrigger.refired"
            else:
                want[leader] = "skip dedup.finished"
            if want[leader].split()[0] in ("create", "retrigger"):
                tasks[owner] = {"phase": "Pending", "since": trigger, "name": None}
                total += 1
        assert line.once("plan") == want
        decisions = line.cycle()
        assert {d["alertname"]: f"{d['verdict']} {d['reason']}" for d in decisions} == want
        for d in decisions:
            if d["verdict"] in ("create", "retrigger"):
                tasks[owners[d["alertname"]]]["name"] = d["task"]

    def age(seconds):
        line.pass_time(seconds)
        for n in since:
            since[n] = parse_moment(source.alerts[n]["startsAt"])
        for t in tasks.values():
            t["since"] -= seconds
            if "done" in t:
                t["done"] -= seconds

    for _ in range(45):
        action, name = rng.random(), rng.choice(list(owners))
        owner = rng.choice(list(tasks)) if tasks else None
        if action < 0.3:
            since[name] = source.fire(name, since=0, owner=owners[name])
        elif action < 0.55 and since:
            for name in rng.sample(sorted(since), min(len(since), rng.choice([1, 3]))):
                source.resolve(name)
                del since[name]
        elif action < 0.8 and owner and tasks[owner]["phase"] == "Pending":
            line.finish(tasks[owner]["name"])
            done = line.tasks()[tasks[owner]["name"]]["status"]["completionTime"]
            tasks[owner].update(phase="done", done=parse_moment(done))
        elif action < 0.85 and owner and tasks[owner]["phase"] != "gone":
            line.engine("delete", "task", tasks[owner]["name"], code=0)
            tasks[owner]["phase"] = "gone"
        poll()
        age(POLL + 1)
    assert line.created() == total
    assert total > 8


def test_cancelled_when_all_members_are_gone(line, source):
    """Members resolve one after the other, the leader first; the last is silenced, which is as good. What comes back
    gets its Task again."""
    line.policy("cancel_grouped", source="""
        key = function(alert) return alert:label("owner", "none") end,
        on_resolve = function() return "cancel_pending" end""")
    for i in range(6):
        source.fire(f"A{i}", since=-60 + i, owner="x")
    source.fire("Z", owner="y")
    got = line.once()
    assert got.pop("A0") == got.pop("Z") == "create create.new" and set(got.values()) == {"skip group.member"}
    for i in range(5):  # the leader first
        source.resolve(f"A{i}")
        for _ in range(2):
            assert not any("cancel" in v for v in line.once().values())
    assert len(line.tasks()) == 2
    source.alerts["A5"]["status"] = {"state": "suppressed", "silencedBy": ["s"], "inhibitedBy": []}
    assert line.once() == {"A5": "skip source.state", "Z": "skip dedup.active"}
    row = next(d for d in line.cycle() if d["verdict"] == "cancel")
    assert (row["alertname"], row["reason"]) == ("A0", "resolve.cancelled")
    assert len(line.tasks()) == 1
    source.alerts["A5"]["status"] = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    assert line.once()["A5"] == "wait wait.recreate"
    line.pass_time(POLL + 1)
    assert line.once()["A5"] == "create recreate.gone"
    assert line.once()["A5"] == "skip dedup.active"
    assert line.created() == 3


def test_cancelled_under_flapping(line, source):
    """Away for one poll: nothing. Away for two: its Task goes, and comes back with the alert, once an episode. Random,
    against a model; six alerts that stay keep the count from collapsing."""
    rng = random.Random(3)
    line.policy("cancel_resolved")
    for i in range(6):
        source.fire(f"S{i}")
    names, tasks, missed, total = ["A", "B", "C"], {}, {}, 0
    for step in range(40):
        for name in names:
            if rng.random() < 0.45:
                if name in source.alerts:
                    source.resolve(name)
                else:
                    source.fire(name, since=0)
        want = {f"S{i}": "create create.new" if step == 0 else "skip dedup.active" for i in range(6)}
        for name in names:
            missed[name] = 0 if name in source.alerts else missed.get(name, 0) + 1
            if name in source.alerts:
                want[name] = {None: "create create.new", "there": "skip dedup.active",
                              "gone": "create recreate.gone"}[tasks.get(name)]
                total += want[name].startswith("create")
                tasks[name] = "there"
            elif missed[name] >= 2 and tasks.get(name) == "there":
                want[name] = "cancel resolve.cancelled"
                tasks[name] = "gone"
        assert line.once() == want, step
        line.pass_time(POLL + 1)
    assert line.created() == total + 6
    assert total > 8


def test_flap_damping(line, source):
    """A Task only after `hold`; none while it comes and goes; critical ones at once; an Alertmanager that forgot
    everything for a while starts nothing anew."""
    line.policy("flap_damping", {"hold": "10m", "max_flaps": 3})
    for i in range(3):
        source.fire(f"C{i}", severity="critical")
    source.fire("A", severity="warning")
    assert line.once() == {"A": "skip policy.held", **{f"C{i}": "create create.new" for i in range(3)}}
    line.pass_time(240)
    source.hidden = True
    for _ in range(3):
        assert line.once() == {}
    source.hidden = False
    assert line.once()["A"] == "skip policy.held"
    line.pass_time(240)
    assert line.once()["A"] == "skip policy.held"
    line.pass_time(180)
    assert line.once()["A"] == "create create.new"
    # flapping from poll to poll, and a Task that has finished: flaps are within one episode
    line.finish()
    for n in range(1, 6):
        line.pass_time(60)
        source.fire("A", since=0, severity="warning")
        source.fire("C0", since=0, severity="critical")
        got = line.once()
        assert got["A"] == ("retrigger retrigger.refired" if n == 1 else "skip dedup.active" if n < 3
                            else "skip policy.flapping"), n
        assert got["C0"] == ("retrigger retrigger.refired" if n == 1 else "skip dedup.active")
    line.pass_time(60)
    line.finish()
    line.pass_time(50 * 60)
    assert line.once()["A"] == "skip policy.flapping"
    line.pass_time(25 * 60)
    assert line.once()["A"] == "skip dedup.finished"
    source.fire("A", since=0, severity="warning")
    assert line.once()["A"] == "retrigger retrigger.refired"
    # a new episode is held anew
    line.finish()
    source.resolve("A")
    for _ in range(2):
        line.once()
    line.pass_time(30)
    source.fire("A", since=0, severity="warning")
    assert line.once()["A"] == "skip policy.held"
    assert line.created() == 3 + 1 + 1 + 1 + 1


def test_days_under_limits(line, source):
    """A storm that does not end, per hour, per day and at once; the model counts creations in sliding windows. What
    waits goes when it was said to, and not before; a plan says the same and writes nothing."""
    rng = random.Random(5)
    line.policy("limited", source="limits = { per_hour = 4, per_day = 10 }", maxConcurrency=6)
    names, made, reached = [f"A{i:02d}" for i in range(9)], [], 0  # made: between which moments each Task was

    def cycle(verb="once"):
        """How many Tasks were made, and what the others are told; both against the model."""
        unfinished = sum(t["status"]["phase"] == "Pending" for t in line.tasks().values()) if made else 0
        begun = line.now()
        decisions = line.cycle(verb)
        ended = line.now()
        fresh = [d for d in decisions if d["verdict"] in ("create", "retrigger")]
        wanted = len(fresh) + sum(d["verdict"] == "wait" for d in decisions)

        def may(at, which):
            hour, day = (sum(m[which] > at - window for m in made) for window in (3600, 86400))
            return max(0, min(4 - hour, 10 - day, 6 - unfinished, wanted))
        assert may(begun, 1) <= len(fresh) <= may(ended, 0)
        if verb == "once":
            made.extend([(begun, ended)] * len(fresh))
        return len(fresh), [d for d in decisions if d["reason"] == "limit.rate"]

    for step in range(24):
        for name in rng.sample(names, 5):
            source.fire(name, since=0)
        waiting = cycle()[1]
        pending = [n for n, t in line.tasks().items() if t["status"]["phase"] == "Pending"]
        if pending:
            line.finish(*rng.sample(pending, min(len(pending), rng.choice([2, 6]))))
        if waiting and step % 2:
            line.finish()
            line.pass_time(min(parse_moment(d["eligibleAt"]) for d in waiting) - time.time() - 30)
            content = line.content()
            assert cycle("plan")[0] == 0 and line.content() == content
            line.pass_time(31)
            content = line.content()
            assert cycle("plan")[0] > 0 and line.content() == content
            reached += 1
        else:
            line.pass_time(rng.choice([61, 607, 3011, 9001]))
    assert line.created() == len(made) > 12
    assert reached > 3


def test_the_clock_steps_back(line, source):
    """An hour. Limits hold as long as they would have, nothing is made twice, nobody is silenced for good."""
    line.policy("limited", source="limits = { per_hour = 2 }")
    for name in "ABC":
        source.fire(name)
    assert line.once() == {"A": "create create.new", "B": "create create.new", "C": "wait limit.rate"}
    line.finish()
    line.pass_time(-3600)
    for name in "ABC":
        source.fire(name)
    content = line.content()
    at = parse_moment(next(d for d in line.cycle("plan") if d["alertname"] == "C")["eligibleAt"])
    assert line.content() == content
    assert line.once() == {"A": "skip dedup.finished", "B": "skip dedup.finished", "C": "wait limit.rate"}
    assert abs(at - time.time() - 3600) < 60
    line.pass_time(3600 + 60)
    assert line.once()["C"] == "create create.new"
    assert line.created() == 3


def test_a_storm_in_run(line, source, engine):
    """500 alerts, 50 keys; the engine is killed again and again, the leaders change. One Task a key, and no more."""
    line.policy("keyed", source="""
        key = function(alert) return alert.labels.group end,
        limits = { ramp = 8, per_day = 45 }""")
    for i in range(500):
        source.fire(f"A{i:03d}", since=-600 + i, group=f"g{i % 50}")
    for had in 0, 8, 16, 24, 32, 40:
        run = engine.start("run", *line.args)
        wait_until(lambda: engine.store.exists() and len(line.tasks()) > had, f"more than {had} Tasks")
        other = engine("once", *line.args)  # two engines on one store
        assert other.returncode == 1 and "another" in other.stderr
        run.kill()
        for name in list(source.alerts)[:3]:
            source.resolve(name)
    decisions = line.cycle()
    tasks = line.tasks().values()
    assert len(tasks) == line.created() == 45
    assert len({t["metadata"]["annotations"]["alerts.kelos.dev/fingerprint"] for t in tasks}) == 45
    said = [f"{d['verdict']} {d['reason']}" for d in decisions]
    assert {v: said.count(v) for v in set(said)} == \
        {"skip dedup.active": 45, "wait limit.rate": 5, "skip group.member": 500 - 18 - 50}


def test_one_key(line, source):
    """500 alerts, one key: one Task, whoever joins, leaves or leads; another one when all that fires began later."""
    line.policy("group_by_owner", template={"promptTemplate": "{{.Title}}"})
    names = [f"A{i:03d}" for i in range(500)]

    def said():
        values = list(line.once().values())
        return {v: values.count(v) for v in set(values)}
    for name in names[:400]:
        source.fire(name, owner="x")
    assert said() == {"create create.new": 1, "skip group.member": 399}
    prompt, = (t["spec"]["prompt"] for t in line.tasks().values())
    assert prompt == "400 alerts of owner=x"
    line.pass_time(60)
    source.resolve(*names[:200])  # the leader, too
    for name in names[400:]:
        source.fire(name, since=0, owner="x")
    assert said() == {"skip dedup.active": 1, "skip group.member": 299}
    line.pass_time(60)
    line.finish()
    line.pass_time(60)
    for name in names[:100]:
        source.fire(name, since=0, owner="x")
    assert said() == {"skip dedup.finished": 1, "skip group.member": 399}
    source.resolve(*names[200:400])
    assert said() == {"skip dedup.finished": 1, "skip group.member": 199}  # some began during the run
    source.resolve(*names[400:])
    assert said() == {"retrigger retrigger.refired": 1, "skip group.member": 99}
    assert line.created() == 2


def test_budget_spares_some_for_critical_alerts(line, source):
    """A storm that takes all it can get leaves five Tasks of the day."""
    line.policy("budget")
    for i in range(60):
        source.fire(f"W{i:02d}", severity="warning")
    for _ in range(4):  # hours
        for _ in range(5):  # each `once` is a start, so the ramp gives 3
            line.once()
        line.pass_time(3700)
    assert 16 <= line.created() <= 25
    for i in range(5):
        source.fire(f"C{i}", severity="critical")
    created = line.created()
    for _ in range(2):
        line.once()
    assert line.created() == created + 5


def test_refire_during_run(line, source):
    """What came back during the run gets another Task `grace` after its end, if it fires then; once."""
    line.policy("refire_during_run", {"grace": "10m"})
    source.fire("A")
    source.fire("B")
    assert line.once() == {"A": "create create.new", "B": "create create.new"}
    line.pass_time(60)
    source.fire("A", since=0)
    line.pass_time(60)
    line.finish()
    assert line.once() == {"A": "wait wait.eligible", "B": "skip dedup.finished"}
    line.pass_time(570)
    assert line.once()["A"] == "wait wait.eligible"
    line.pass_time(60)
    assert line.once() == {"A": "retrigger policy.retrigger", "B": "skip dedup.finished"}
    line.pass_time(60)
    line.finish()
    line.pass_time(3600)
    assert line.once() == {"A": "skip dedup.finished", "B": "skip dedup.finished"}
    assert line.created() == 3


def test_a_real_day(every_am, engine):
    """Alertmanager itself: groups that flap, a restart that loses everything, a silence, a Task that is cancelled."""
    class Real:
        url, alerts = every_am.url, {}
    line = Timeline(engine, Real).policy("cancel_grouped", source="""
        key = function(alert) return alert.labels.team end,
        on_resolve = function() return "cancel_pending" end""")
    names = {f"{team}{i}": {"alertname": f"{team}{i}", "team": team} for team in "pqr" for i in range(3)}
    for i, labels in enumerate(names.values()):
        every_am.fire(labels, starts_at=moment(-600 + i))
    leaders = {"p0", "q0", "r0"}
    assert line.once() == {n: "create create.new" if n in leaders else "skip group.member" for n in names}
    alerts = list(every_am.alerts().values())
    every_am.stop()
    line.cycle(code=1)
    every_am.start()
    for _ in range(3):
        assert line.once() == {}  # a collapse
    every_am.send(alerts)
    active = {n: "skip dedup.active" if n in leaders else "skip group.member" for n in names}
    assert line.once() == active
    for i in range(3):  # p flaps, one member at a time and then as a whole
        every_am.refire(names[f"p{i}"])
        line.once()
    for i in range(3):
        every_am.resolve(names[f"p{i}"])
    line.once()
    for i in range(3):
        every_am.fire(names[f"p{i}"], starts_at=moment(i / 1000))
    assert line.once() == active
    every_am.resolve(names["q0"])
    every_am.resolve(names["q1"])
    every_am.silence(names["q2"])  # as good as gone
    assert "q0" not in line.once()
    assert line.once()["q0"] == "cancel resolve.cancelled"
    line.pass_time(POLL + 1)
    every_am.fire(names["q1"], starts_at=moment())
    assert line.once()["q1"] == "create recreate.gone"
    assert line.created() == 4 and len(line.tasks()) == 3
