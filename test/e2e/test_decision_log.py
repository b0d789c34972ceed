"""--decision-log: what is written, what is not, and that no line is lost without a word."""
import json
import os
import resource
import signal
import subprocess
import time

import harness
from harness import alert_json, ask, sends, served, spawner, wait_until

ANY = ("--listen", "127.0.0.1:0")


def doc(url, name="s", **spec):
    return spawner(name, url, when={"pollInterval": "5s", **spec.pop("when", {})}, **spec)


def lines(path):
    if not path.exists():
        return []
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def verdicts(path):
    return [(d["alertname"], d["verdict"], d["reason"]) for d in lines(path)]


def metric(url, name):
    for line in ask(url, "/metrics")[2].splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


class Alerts:
    """What a scripted Alertmanager says, and how often it was asked."""

    def __init__(self, serve):
        self.now = []
        self.server = serve(lambda h: harness.send(h, json.dumps(self.now)))
        self.url = self.server.url

    def polls(self, n):
        """n more complete cycles have begun."""
        want = len(self.server.requests) + n
        wait_until(lambda: len(self.server.requests) >= want, f"{n} more polls")


def test_news_only(engine, serve):
    alerts = Alerts(serve)
    log = engine.directory / "decisions"
    a, b, c = (alert_json({"alertname": n}) for n in "ABC")
    alerts.now = [a, b]
    run = engine.start("run", "-f", engine.write(doc(alerts.url, maxConcurrency=1)), "--decision-log", log)
    wait_until(lambda: len(lines(log)) == 2, "two lines")
    first = lines(log)[0]
    assert (first["spawner"], first["namespace"], first["fingerprint"]) == ("s", "default", a["fingerprint"])
    assert first["task"] in engine.tasks() and harness.parse_moment(first["time"]) <= time.time() + 1
    wait_until(lambda: len(lines(log)) == 3, "A is a duplicate from now on")
    alerts.polls(3)
    expected = [("A", "create", "create.new"), ("B", "wait", "limit.concurrency"), ("A", "skip", "dedup.active")]
    assert verdicts(log) == expected  # and nothing else in three more cycles
    alerts.now = [a, b, c]
    wait_until(lambda: len(lines(log)) == 4, "C is new")
    task, = engine.tasks()
    engine("finish", "task", task, "--phase", "Succeeded", code=0)
    wait_until(lambda: ("B", "create", "create.new") in verdicts(log), "B's turn")
    wait_until(lambda: ("A", "skip", "dedup.finished") in verdicts(log), "A's Task has finished")
    alerts.now = [b, c]
    alerts.polls(2)
    before = len(lines(log))
    alerts.now = [a, b, c]
    wait_until(lambda: len(lines(log)) > before, "A is back")
    assert verdicts(log)[-1] == ("A", "skip", "dedup.finished")
    run.terminate()
    assert os.stat(log).st_mode & 0o777 == 0o600


def test_everything(engine, serve):
    alerts = Alerts(serve)
    alerts.now = [alert_json({"alertname": "A"})]
    log = engine.directory / "decisions"
    engine.start("run", "-f", engine.write(doc(alerts.url)), "--decision-log", log, "--decision-log-all")
    wait_until(lambda: len(lines(log)) >= 4, "a line for each cycle")
    assert verdicts(log)[1:] == [("A", "skip", "dedup.active")] * (len(lines(log)) - 1)


def test_rotation_and_restart(engine, serve):
    """Every line of 2,000 decisions is in exactly one file, whole; a restart goes on with the same file."""
    alerts = Alerts(serve)
    alerts.now = [alert_json({"alertname": "A", "n": str(n)}) for n in range(2000)]
    log = engine.directory / "decisions"
    args = ("run", "-f", engine.write(doc(alerts.url)), "--decision-log", log, "--decision-log-size", "100Ki",
            "--decision-log-keep", "50", *ANY)
    run = engine.start(*args)
    url = served(run)
    wait_until(lambda: metric(url, "alertspawner_decision_log_lines_total") >= 2000, "2,000 lines")
    assert metric(url, "alertspawner_decision_log_lost_lines_total") == 0
    run.terminate()
    files = [log, *sorted(engine.directory.glob("decisions.*"))]
    assert len(files) > 3 and all(f.stat().st_size <= 100 * 1024 for f in files)
    created = [d["fingerprint"] for f in files for d in lines(f) if d["verdict"] == "create"]
    assert sorted(created) == sorted(a["fingerprint"] for a in alerts.now)
    size = log.stat().st_size
    run = engine.start(*args)
    wait_until(lambda: log.stat().st_size != size, "it goes on")
    run.terminate()
    everything = [d for f in [log, *engine.directory.glob("decisions.*")] for d in lines(f)]
    assert len([d for d in everything if d["verdict"] == "create"]) == 2000


def test_few_are_kept(engine, serve):
    alerts = Alerts(serve)
    alerts.now = [alert_json({"alertname": "A", "n": str(n)}) for n in range(500)]
    log = engine.directory / "decisions"
    run = engine.start("run", "-f", engine.write(doc(alerts.url)), "--decision-log", log, "--decision-log-size", "10Ki",
                       "--decision-log-keep", "2")
    wait_until(lambda: (engine.directory / "decisions.2").exists(), "two are kept")
    run.terminate()
    assert sorted(p.name for p in engine.directory.glob("decisions*")) == ["decisions", "decisions.1", "decisions.2"]


def test_moved_away_and_hup(engine, serve):
    """logrotate's way: the file is renamed, with SIGHUP or without."""
    alerts = Alerts(serve)
    alerts.now = [alert_json({"alertname": "A"})]
    log = engine.directory / "decisions"
    run = engine.start("run", "-f", engine.write(doc(alerts.url)), "--decision-log", log)
    wait_until(lambda: len(lines(log)) == 2, "created, then a duplicate")
    log.rename(engine.directory / "old-1")
    alerts.now.append(alert_json({"alertname": "B"}))
    wait_until(lambda: ("B", "create", "create.new") in verdicts(log), "B in a new file")
    log.rename(engine.directory / "old-2")
    run.process.send_signal(signal.SIGHUP)
    alerts.now.append(alert_json({"alertname": "C"}))
    wait_until(lambda: ("C", "create", "create.new") in verdicts(log), "C in another new file")
    assert run.process.poll() is None and "SIGHUP" in run.stderr
    created = [d for name in ("old-1", "old-2", "decisions") for d in verdicts(engine.directory / name) if d[1] == "create"]
    assert [d[0] for d in created] == ["A", "B", "C"]


def test_a_full_disk(engine, serve, tmp_path):
    """Tasks are made all the same; what was lost is counted and said once, and again when there is room."""
    alerts = Alerts(serve)
    alerts.now = [alert_json({"alertname": "A", "n": str(n)}) for n in range(50)]
    log = tmp_path / "disk" / "decisions"
    log.parent.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", log.parent], capture_output=True).returncode != 0:
        import pytest
        pytest.skip("no small file system can be mounted here")
    try:
        run = engine.start("run", "-f", engine.write(doc(alerts.url)), "--decision-log", log, *ANY)
        url = served(run)
        wait_until(lambda: metric(url, "alertspawner_decision_log_lost_lines_total"), "lines are lost")
        wait_until(lambda: len(engine.tasks()) == 50, "every Task is there")
        lost, written = (metric(url, f"alertspawner_decision_log_{n}lines_total") for n in ("lost_", ""))
        alerts.polls(3)
        assert len(lines(log)) == metric(url, "alertspawner_decision_log_lines_total") == written > 0
        assert lost > 0
        assert run.stderr.count("decision log: ") == 1 and "No space left on device" in run.stderr
        subprocess.run(["mount", "-o", "remount,size=1m", log.parent], check=True)
        alerts.now.append(alert_json({"alertname": "B"}))
        wait_until(lambda: " were lost" in run.stderr, "it is said that there is room")
        assert ("B", "create", "create.new") in verdicts(log)
        assert run.terminate()[0] == 0
    finally:
        subprocess.run(["umount", "-l", log.parent], check=False)


def test_standard_output(engine, serve):
    alerts = Alerts(serve)
    alerts.now = [alert_json({"alertname": "A\u2028\u202e\x07"})]
    run = engine.start("run", "-f", engine.write(doc(alerts.url)), "--decision-log", "-")
    wait_until(lambda: run.stdout.count("\n") >= 2, "two lines")
    assert json.loads(run.stdout.split("\n")[0])["alertname"] == "A\u2028\u202e\x07"
    assert run.terminate()[0] == 0


def test_a_reader_that_does_not_read(engine, serve):
    """A pipe that is full holds nothing up, not even the end."""
    alerts = Alerts(serve)
    alerts.now = [alert_json({"alertname": "A", "n": str(n)}) for n in range(2000)]
    r, w = os.pipe()
    stderr = engine.directory / "stderr"
    with open(stderr, "wb") as err:
        process = subprocess.Popen([harness.alertspawner(), *map(str, engine.command(
            "run", "-f", engine.write(doc(alerts.url)), "--decision-log", "-"))], stdout=w, stderr=err, env=engine.env)
    os.close(w)
    try:
        wait_until(lambda: len(engine.tasks()) == 2000, "every Task is there")
        alerts.polls(1)
        start = time.monotonic()
        process.terminate()
        assert process.wait(harness.PATIENCE) == 0 and time.monotonic() - start < 10
        assert "lost so far" in stderr.read_text()
    finally:
        process.kill()
        process.wait()
        os.close(r)


def test_what_cannot_be(engine, serve):
    file = engine.write(doc(serve(sends("[]")).url))
    done = engine("run", "-f", file, "--decision-log", engine.directory / "no" / "such", code=1)
    assert "--decision-log: " in done.stderr and "No such file or directory" in done.stderr
    for option, bad in (("size", "0"), ("size", "x"), ("keep", "-1"), ("keep", "1001"), ("keep", "")):
        assert f"--decision-log-{option}" in engine("run", "-f", file, f"--decision-log-{option}", bad, code=2).stderr


def test_the_limit_of_open_files(engine, serve):
    """Nothing that serves or logs leaks a descriptor."""
    alerts = Alerts(serve)
    log = engine.directory / "decisions"
    run = engine.start("run", "-f", engine.write(doc(alerts.url)), "--decision-log", log, *ANY)
    resource.prlimit(run.pid, resource.RLIMIT_NOFILE, (60, 60))
    url = served(run)
    for n in range(150):
        assert ask(url, "/metrics")[0] == 200
        assert ask(url, "/nothing")[0] == 404
        if n % 30 == 0:
            run.process.send_signal(signal.SIGHUP)
            alerts.now = [alert_json({"alertname": f"A{n}"})]
    wait_until(lambda: ("A120", "create", "create.new") in verdicts(log), "the last one")
    assert run.terminate()[0] == 0
