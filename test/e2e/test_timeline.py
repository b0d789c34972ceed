"""What days bring: alerts that flap, an Alertmanager and a Prometheus that restart, storms of alerts. Every Task costs
money, so every test counts them."""
import random
import time

from harness import moment, parse_moment, spawner


def doc(am, name="s", **more):
    when = {"pollInterval": "5s", **more.pop("when", {})}
    return spawner(name, am.url, when=when, **more)


def once(engine, documents, *args, code=0):
    """One poll. {alertname or fingerprint of the alert: "verdict reason"}"""
    return {d["alertname"]: f"{d['verdict']} {d['reason']}"
            for d in engine.decisions("once", "-f", documents, *args, code=code)["s"]}


def finish(engine, *names, failed=False):
    for name in names or [n for n, t in engine.tasks().items() if t["status"]["phase"] == "Pending"]:
        engine("finish", "task", name, "--phase", "Failed" if failed else "Succeeded", code=0)


def created(engine):
    """Tasks ever created."""
    return engine.spawner("s")["status"]["totalTasksCreated"]


def test_alertmanager_restarts(am, engine):
    """It comes back with nothing, and learns the alerts anew from Prometheus a moment later. They never stopped."""
    documents = engine.write(doc(am))
    alerts = [am.fire({"alertname": f"A{i}"}, starts_at=moment(-600)) for i in range(6)]
    assert set(once(engine, documents).values()) == {"create create.new"}
    am.stop()
    once(engine, documents, code=1)  # a failed poll concludes nothing
    am.start()
    for _ in range(4):
        assert once(engine, documents) == {}
    am.send(alerts)
    assert set(once(engine, documents).values()) == {"skip dedup.active"}
    finish(engine)
    am.stop()
    am.start()
    for _ in range(3):
        assert once(engine, documents) == {}
    am.send(alerts)
    assert set(once(engine, documents).values()) == {"skip dedup.finished"}
    assert created(engine) == 6


def test_prometheus_restarts(am, engine):
    """startsAt moves forward while the alert fires on, and back again when the old one of a pair speaks."""
    documents = engine.write(doc(am))
    first = am.fire({"alertname": "A"}, starts_at=moment(-600))
    assert once(engine, documents) == {"A": "create create.new"}
    am.resolve({"alertname": "A"})
    am.fire({"alertname": "A"}, starts_at=moment(-1))
    assert once(engine, documents) == {"A": "skip dedup.active"}
    finish(engine)
    assert once(engine, documents) == {"A": "skip dedup.finished"}
    am.send([first])
    assert parse_moment(am.find({"alertname": "A"})["startsAt"]) == parse_moment(first["startsAt"])
    assert once(engine, documents) == {"A": "skip dedup.finished"}
    assert created(engine) == 1


def test_flapping(am, engine):
    """Again and again during one run of its Task: one Task. Again after it has finished: one more each time."""
    documents = engine.write(doc(am))
    am.fire({"alertname": "A"})
    once(engine, documents)
    for _ in range(4):
        am.resolve({"alertname": "A"})
        once(engine, documents)
        am.fire({"alertname": "A"}, starts_at=moment())
        assert once(engine, documents) == {"A": "skip dedup.active"}
    time.sleep(1)  # completionTime is cut to the second: a startsAt within it would count as later
    finish(engine)
    for _ in range(3):
        assert once(engine, documents) == {"A": "skip dedup.finished"}
        am.refire({"alertname": "A"})
        assert once(engine, documents) == {"A": "retrigger retrigger.refired"}
        assert once(engine, documents) == {"A": "skip dedup.active"}
        time.sleep(1)
        finish(engine)
    assert created(engine) == 4 and len(engine.tasks()) == 1


def test_any_day(am, engine):
    """A random day of eight alerts against a model of the rule: a Task each, another one when the alert has fired anew
    since its Task finished, nothing else ever."""
    rng = random.Random(20261124)
    documents = engine.write(doc(am))
    names = [f"A{i}" for i in range(8)]
    firing, tasks, total = {}, {}, 0  # name -> alert; name -> {"since", "done"}

    def poll():
        nonlocal total
        got, want = once(engine, documents), {}
        listed = {t["metadata"]["annotations"]["alerts.kelos.dev/alertname"]: t for t in engine.tasks().values()}
        for name, alert in firing.items():
            starts, task = parse_moment(alert["startsAt"]), tasks.get(name)
            if task is None:
                want[name] = "create create.new"
            elif task["done"] is None:
                want[name] = "skip dedup.active"
            elif starts > task["done"] and starts > task["since"]:
                want[name] = "retrigger retrigger.refired"
            else:
                want[name] = "skip dedup.finished"
            if want[name].split()[0] in ("create", "retrigger"):
                tasks[name] = {"since": starts, "done": None}
                total += 1
        assert got == want
        assert set(listed) == set(tasks)

    for _ in range(100):
        action, name = rng.random(), rng.choice(names)
        if action < 0.35:
            if name not in firing:
                firing[name] = am.fire({"alertname": name}, starts_at=moment(rng.choice([-300, 0])))
            else:
                am.resolve({"alertname": name})
                del firing[name]
        elif action < 0.5 and name in firing:
            firing[name] = am.refire({"alertname": name})
        elif action < 0.75:
            unfinished = [n for n, t in tasks.items() if t["done"] is None]
            if unfinished:
                chosen = rng.choice(unfinished)
                task = next(t for t in engine.tasks().values()
                            if t["metadata"]["annotations"]["alerts.kelos.dev/alertname"] == chosen)
                finish(engine, task["metadata"]["name"], failed=rng.random() < 0.3)
                task = engine.tasks()[task["metadata"]["name"]]
                tasks[chosen]["done"] = parse_moment(task["status"]["completionTime"])
        elif action < 0.8:
            am.stop()
            once(engine, documents, code=1)
            am.start()
            assert once(engine, documents) == {}
            if firing:
                am.send(firing.values())
        poll()
    assert created(engine) == total
    assert total > len(names)  # how many retriggers depends on which second each Task finished in
