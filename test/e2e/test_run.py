"""`run`: cycles for ever, beside other commands, through changes, signals and kill -9."""
import json
import pathlib
import random
import shutil
import sqlite3
import threading
import time

import pytest

import harness
import model
from harness import alert_json, sends, spawner, wait_until


def doc(url, name="s", **spec):
    when = {"pollInterval": "5s", **spec.pop("when", {})}
    return spawner(name, url, when=when, **spec)


def test_creates_and_ends_at_sigterm(am, engine):
    am.fire({"alertname": "A"})
    run = engine.start("run", "-f", engine.write(doc(am.url)))
    wait_until(lambda: len(engine.tasks()) == 1, "a Task")
    am.fire({"alertname": "B"})
    wait_until(lambda: len(engine.tasks()) == 2, "a second Task")
    code, seconds = run.terminate()
    assert (code, run.stdout) == (0, "")
    assert seconds < 5
    assert "SIGTERM" in run.stderr


def test_a_store_that_is_just_being_made(engine):
    """What `get` sees between an engine's first opening of the file and its first commit is empty."""
    db = sqlite3.connect(engine.store)
    db.execute("pragma journal_mode = wal").fetchall()
    db.close()
    assert json.loads(engine("get", "tasks", "-o", "json", code=0).stdout)["items"] == []


def test_ends_while_a_poll_hangs(engine, serve):
    ref = []
    server = serve(harness.hangs(ref))
    ref.append(server)
    run = engine.start("run", "-f", engine.write(doc(server.url)))
    wait_until(lambda: server.requests, "the poll began")
    code, seconds = run.terminate()
    assert code == 0 and seconds < 5


def test_ends_while_a_policy_loops(engine, serve):
    server = serve(sends(json.dumps([alert_json({"alertname": "A", "n": str(i)}) for i in range(1000)])))
    policies = engine.policies(p='return policy.extend(policy.base, { api = 1, name = "p", match = \'alertname!=""\','
                                 ' filter = function() while true do end end })')
    run = engine.start("run", "-f", engine.write(doc(server.url)), "--policies", policies)
    wait_until(lambda: server.requests, "the poll began")
    time.sleep(0.3)
    code, seconds = run.terminate()
    assert code == 0 and seconds < 5


def test_documents_change(engine, serve):
    server = serve({f"/{n}": sends(json.dumps([alert_json({"alertname": n})])) for n in "abcd"})
    documents = engine.directory / "docs"
    for n in "ab":
        engine.write(doc(f"{server.url}/{n}", name=n), name=f"docs/{n}.yaml")
    run = engine.start("run", "-f", documents)

    def seen(n):
        return sum(path.startswith(f"/{n}/") for path, _, _ in server.requests)

    wait_until(lambda: len(engine.tasks()) == 2, "both are watched")
    # a new one, and a change
    engine.write(doc(f"{server.url}/c", name="c", template={"branch": "first", "workspaceRef": {"name": "w"}}), name="docs/c.yaml")
    wait_until(lambda: len(engine.tasks()) == 3, "the new document is taken up")
    engine.write(doc(f"{server.url}/d", name="c"), name="docs/c.yaml")
    wait_until(lambda: seen("d"), "the change is taken up")
    before = seen("c")
    # a broken edit keeps the last good version
    (documents / "a.yaml").write_text("kind: TaskSpawner\nspec: [")
    wait_until(lambda: "a.yaml" in run.stderr, "the broken edit is told")
    polled = seen("a")
    wait_until(lambda: seen("a") > polled + 1, "the last good version goes on")
    # a document that is gone stops
    (documents / "b.yaml").unlink()
    time.sleep(2.5)
    stopped, others = seen("b"), seen("d")
    wait_until(lambda: seen("d") > others + 1, "the others go on")
    assert seen("b") == stopped
    assert seen("c") == before, "nobody asks where the old version did"
    assert run.terminate()[0] == 0


def test_a_second_engine_is_refused(engine, serve):
    server = serve(sends("[]"))
    file = engine.write(doc(server.url))
    run = engine.start("run", "-f", file)
    wait_until(lambda: server.requests, "it runs")
    for verb in ("once", "run"):
        done = engine(verb, "-f", file, code=1)
        assert str(run.pid) in done.stderr and "tasks.db" in done.stderr, done.stderr
    engine("plan", "-f", file, code=0)
    run.kill()
    engine("once", "-f", file, code=0)


def test_commands_beside_it_and_a_retrigger_at_once(am, engine):
    labels = {"alertname": "A"}
    am.fire(labels)
    file = engine.write(doc(am.url, when={"pollInterval": "10m"}))
    run = engine.start("run", "-f", file)
    wait_until(engine.tasks, "a Task")
    name, = engine.tasks()
    assert engine.decisions("plan", "-f", file)["s"][0]["reason"] == "dedup.active"
    engine("finish", "task", name, "--phase", "Succeeded", code=0)
    wait_until(lambda: engine.tasks()[name]["status"]["phase"] == "Succeeded", "finished")
    time.sleep(2.5)  # the cycle that finishing started
    am.refire(labels)
    assert engine.decisions("plan", "-f", file)["s"][0]["reason"] == "retrigger.refired"
    assert engine.tasks()[name]["status"]["phase"] == "Succeeded", "the interval is long"
    run.terminate()


def test_a_finished_task_starts_a_cycle(am, engine):
    """An alert that waited for maxConcurrency need not wait for the interval, too."""
    for n in "AB":
        am.fire({"alertname": n})
    engine.start("run", "-f", engine.write(doc(am.url, when={"pollInterval": "10m"}, maxConcurrency=1)))
    wait_until(engine.tasks, "a Task")
    name, = engine.tasks()
    engine("finish", "task", name, "--phase", "Failed", code=0)
    wait_until(lambda: len(engine.tasks()) == 2, "the other's turn")


def test_a_refire_after_finish_is_taken_at_the_poke(am, engine):
    """Finish wakes the spawner, and the alert fires again since later than the Task's completion."""
    labels = {"alertname": "A"}
    am.fire(labels)
    engine.start("run", "-f", engine.write(doc(am.url)))
    wait_until(engine.tasks, "a Task")
    (name, old), = engine.tasks().items()
    engine("finish", "task", name, "--phase", "Succeeded", code=0)
    time.sleep(1.1)
    am.refire(labels)
    wait_until(lambda: engine.tasks()[name]["metadata"]["uid"] != old["metadata"]["uid"], "retriggered", 30)
    assert engine.tasks()[name]["metadata"]["annotations"]["alerts.kelos.dev/reason"] == "retrigger.refired"


def test_ttl_while_it_runs(am, engine):
    am.fire({"alertname": "A"})
    engine.start("run", "-f", engine.write(doc(am.url, when={"pollInterval": "10m"}, template={"ttlSecondsAfterFinished": 1})))
    wait_until(engine.tasks, "a Task")
    name, = engine.tasks()
    am.resolve({"alertname": "A"})
    engine("finish", "task", name, "--phase", "Succeeded", code=0)
    wait_until(lambda: not engine.tasks(), "the Task's time is up")


def integrity(engine):
    """Of a copy: reading a file after a crash repairs it, and that is the engine's business."""
    copy = engine.directory / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(engine.store.parent, copy, ignore=shutil.ignore_patterns("*.sock"))
    db = sqlite3.connect(copy / engine.store.name)
    try:
        return db.execute("pragma integrity_check").fetchall()
    finally:
        db.close()


@pytest.mark.parametrize("seed", [1])
def test_kill_nine(engine, serve, seed):
    """Twenty engines die at any moment. In the end there is one Task for each alert, and the counters agree."""
    labels = [{"alertname": "A", "n": str(i)} for i in range(40)]
    server = serve(sends(json.dumps([alert_json(x) for x in labels])))
    file = engine.write(doc(server.url))
    dice = random.Random(seed)
    created = []
    for i in range(20):
        run = engine.start("run", "-f", file)
        if i % 4 == 3:  # and sometimes right in the middle
            n = len(server.requests)
            wait_until(lambda: len(server.requests) > n or run.process.poll() is not None, "it polls")
        time.sleep(dice.uniform(0, 0.4 if i % 4 != 3 else 0.1))
        run.kill()
        if engine.store.exists():
            assert integrity(engine) == [("ok",)]
        created.append(len(engine.tasks()) if engine.store.exists() else 0)
    assert set(created) <= {0, len(labels)}, f"a cycle is one transaction: {created}"
    assert created == sorted(created)
    engine("once", "-f", file, code=0)
    tasks = engine.tasks()
    fps = [t["metadata"]["annotations"]["alerts.kelos.dev/fingerprint"] for t in tasks.values()]
    assert sorted(fps) == sorted(model.fingerprint(x) for x in labels)
    ordinals = sorted(int(t["metadata"]["annotations"]["alerts.kelos.dev/ordinal"]) for t in tasks.values())
    assert ordinals == list(range(1, len(labels) + 1))
    assert engine.spawner("s")["status"]["totalTasksCreated"] == len(labels)
    print("Tasks after each kill:", created)


def children(pid):
    """Processes whose parent it is: {pid: name}."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                name, _, rest = (entry / "stat").read_text().partition(" (")[2].rpartition(") ")
                if int(rest.split()[1]) == pid:
                    found[int(entry.name)] = name
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def test_workers_die_with_the_engine(engine, serve):
    """Also one that is deep in a C loop, and neither reads nor writes: only the kernel's signal reaches it there."""
    burn = """return policy.extend(policy.base, { api = 1, name = "burn", match = 'alertname="A"',
        filter = function() return ("a"):rep(8000):find((".-"):rep(8) .. "b") ~= nil end })"""
    server = serve(sends(json.dumps([alert_json({"alertname": "A"})])))
    run = engine.start("run", "-f", engine.write(doc(server.url)), "--policies", engine.policies(burn=burn))
    wait_until(lambda: len(server.requests) > 0, "it polls")

    def burning():
        return [pid for pid in children(run.pid) if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "R"]
    wait_until(burning, "a worker burns")
    workers = children(run.pid)
    run.kill()
    wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in workers), "they are gone", 20)  # the processor-time limit would end one after 60 s


def test_one_alertmanager_is_not_stormed(engine, serve):
    """Forty spawners that start together: an Alertmanager serves so many at once (8 on a small machine) and says 503 to
    the rest, each of which would then wait for a whole pollInterval."""
    lock, now, most = threading.Lock(), 0, 0

    def slow(h):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.2)
        with lock:
            now -= 1
        sends("[]")(h)
    server = serve(slow)
    run = engine.start("run", "-f", engine.write(*[doc(server.url, f"s{i}") for i in range(40)]))
    wait_until(lambda: len(server.requests) >= 40, "every spawner has polled")
    assert 1 < most <= 4
    assert run.terminate()[0] == 0
