"""100,000 alerts of about 1 KB, of which 100 become Tasks: complete answers in little memory. No timing is asserted."""
import hashlib
import json
import os
import pathlib
import subprocess
import threading
import time

import pytest

import harness
import model
from harness import spawner

pytestmark = pytest.mark.many
N, WANTED = 100_000, 100
MIB = 32


def labels_of(i):
    wanted = i % (N // WANTED) == 0
    return {"alertname": "Many", "n": f"{i:06d}", "team": "a" if wanted else "b",
            **{f"label_{k}": hashlib.md5(b"%d %d" % (i, k)).hexdigest() for k in range(6)}}


def one(i):
    labels = labels_of(i)
    # the fingerprint need not be Prometheus': computing 100,000 of them in Python takes a minute
    fp = hashlib.md5(b"%d" % i).hexdigest()[:16]
    return json.dumps(harness.alert_json(labels, fingerprint=fp, annotations={
        "summary": f"Alert number {i} is firing", "description": "line one\nline two " + "x" * 280,
        "runbook_url": f"https://runbooks.example/{i}"}))


def stream(handler):
    """Made while it is sent, so that the test holds none of it either."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(b"[")
    for start in range(0, N, 500):
        text = ",".join(one(i) for i in range(start, min(start + 500, N)))
        handler.wfile.write((text + ("," if start + 500 < N else "]")).encode())


class Watcher(threading.Thread):
    """The peak resident memory (VmHWM) of a process and of everything it starts, by executable."""

    def __init__(self, pid, directory):
        super().__init__()
        self.pid, self.directory = pid, directory
        self.peaks = {}  # pid: (executable, KiB)
        self.done = threading.Event()

    def look(self, pid):
        try:
            exe = pathlib.Path(os.readlink(f"/proc/{pid}/exe")).name
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
            # Between fork and exec a child still wears its parent's memory; its executable tells.
            if exe in ("alertspawner", "alertspawner-worker"):
                self.peaks[pid, exe] = max(self.peaks.get((pid, exe), 0), peak)
            for task in os.listdir(f"/proc/{pid}/task"):
                for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                    self.look(int(child))
        except (OSError, StopIteration):
            pass

    def run(self):
        while not self.done.wait(0.005):
            self.look(self.pid)

    def of(self, exe):
        return max((peak for (_, e), peak in self.peaks.items() if e == exe), default=0) / 1024


SHAPES = {
    "excluded by the source": (dict(when={"excludeLabels": {"team": "b"}}), None, "skip source.exclude_labels"),
    "dropped by a policy": ({}, "reasons = { noise = 'not ours' }, filter = function(a) if a.labels.team == 'b' then "
                                "return false, 'noise' end return true end", "skip policy.noise"),
    "kept, and waiting": (dict(when={"priorityLabels": ["team=a"]}, maxConcurrency=WANTED), None, "limit.concurrency"),
}


@pytest.mark.parametrize("verb", ["plan", "once"])
@pytest.mark.parametrize("shape", SHAPES)
def test_many(engine, serve, shape, verb):
    binary = os.environ.get("ALERTSPAWNER_RELEASE")
    if not binary:
        pytest.skip("ALERTSPAWNER_RELEASE names no release build; sanitizers' memory says nothing")
    more, policy, rest = SHAPES[shape]
    server = serve(stream)
    file = engine.write(spawner("s", server.url, **more))
    args = [verb, "-f", file, "-o", "json", "--timeout", "10m", "--store", f"sqlite:{engine.store}"]
    if policy:
        args += ["--policies", engine.policies(
            p=f'return policy.extend(policy.base, {{ api = 1, name = "p", match = \'alertname!=""\', {policy} }})')]
    out = engine.directory / "out.json"
    start = time.monotonic()
    with open(out, "wb") as stdout, open(engine.directory / "err", "wb") as stderr:
        process = subprocess.Popen([binary, *map(str, args)], stdout=stdout, stderr=stderr, env=engine.env,
                                   stdin=subprocess.DEVNULL)
        watcher = Watcher(process.pid, engine.directory)
        watcher.start()
        code = process.wait()
        watcher.done.set()
        watcher.join()
    took = time.monotonic() - start
    peaks = {exe: watcher.of(exe) for exe in ("alertspawner", "alertspawner-worker")}
    print(f"\n{shape}, {verb}: {took:.1f} s with the server's own time; "
          + ", ".join(f"{exe} {mib:.1f} MiB" for exe, mib in peaks.items()))
    assert code == 0, (engine.directory / "err").read_text()[:2000]
    s, = json.loads(out.read_text())["spawners"]
    assert len(s["decisions"]) == N
    created = 0
    for i, d in enumerate(s["decisions"]):
        if i % (N // WANTED) == 0:
            assert d["verdict"] == "create", d
            created += 1
        else:
            assert f"{d['verdict']} {d['reason']}".endswith(rest), d
    assert created == WANTED
    if verb == "once":
        assert len(engine.tasks()) == WANTED
    for exe, mib in peaks.items():
        assert 0 < mib < MIB, f"{exe} used {mib:.1f} MiB"


def test_why_among_many(engine, serve):
    """A running engine that is asked why: the plan that answers takes turns with the cycles, and keeps nothing."""
    binary = os.environ.get("ALERTSPAWNER_RELEASE")
    if not binary:
        pytest.skip("ALERTSPAWNER_RELEASE names no release build; sanitizers' memory says nothing")
    server = serve(stream)
    file = engine.write(spawner("s", server.url, when={"pollInterval": "1h", "priorityLabels": ["team=a"]},
                                maxConcurrency=WANTED))
    store = ["--store", f"sqlite:{engine.store}"]
    with open(engine.directory / "err", "wb") as stderr:
        process = subprocess.Popen([binary, "run", "-f", str(file), "--timeout", "10m", "--listen", "none", *store],
                                   stdout=stderr, stderr=stderr, env=engine.env, stdin=subprocess.DEVNULL)
    watcher = Watcher(process.pid, engine.directory)
    watcher.start()
    try:
        harness.wait_until(lambda: "cycle done" in (engine.directory / "err").read_text(), "the first cycle", 300)
        alone = watcher.of("alertspawner")
        fp = hashlib.md5(b"77777").hexdigest()[:16]
        for _ in range(2):
            start = time.monotonic()
            done = subprocess.run([binary, "why", fp, "-o", "json", *store], env=engine.env, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            alert, = json.loads(done.stdout)["alerts"]
            d, = alert["decisions"]
            assert (d["verdict"], d["reason"]) == ("wait", "limit.concurrency") and d["chain"][0]["hook"] == "filter"
            assert d["limits"] == [{"limit": "maxConcurrency", "used": WANTED, "of": WANTED}]
            print(f"\nwhy: {time.monotonic() - start:.1f} s with the server's own time")
    finally:
        process.terminate()
        process.wait(60)
        watcher.done.set()
        watcher.join()
    mib = watcher.of("alertspawner")
    print(f"alertspawner {alone:.1f} MiB after a cycle, {mib:.1f} MiB after two questions")
    assert 0 < mib < alone + 1.5, f"questions took {mib - alone:.1f} MiB more than a cycle does"
