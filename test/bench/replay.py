#!/usr/bin/env python3
"""replay.py [ALERTSPAWNER] [POLL_SECONDS [ALERTS [pollInterval]]]: how much faster than real time a replay is.

Writes a recording of a day (200 alerts that come and go, polled every 30 seconds), replays it for one TaskSpawner with a policy,
and prints the factor: a day by the time it took. Use a release build on a machine that has nothing else to do."""
import datetime
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
args = sys.argv[1:] + [None] * 4
PROGRAM = args[0] or ROOT / "build/release/alertspawner"
EVERY, ALERTS, INTERVAL = int(args[1] or 30), int(args[2] or 200), args[3] or "2m"
DAY = 86400
START = datetime.datetime(2026, 3, 2)
DOCUMENT = f"""
apiVersion: kelos.dev/v1alpha2
kind: TaskSpawner
metadata: {{name: bench}}
spec:
  when: {{prometheusAlerts: {{url: "http://alertmanager:9093", pollInterval: {INTERVAL}}}}}
  maxConcurrency: 20
  taskTemplate:
    type: claude-code
    ttlSecondsAfterFinished: 3600
    promptTemplate: "{{{{.Title}}}}"
    credentials: {{type: api-key, secretRef: {{name: none}}}}
"""
POLICY = """
return policy.extend(policy.base, {
  api = 1, name = "payments", match = 'team="payments"', reasons = {noise = "below the paging threshold"},
  filter = function(alert) return alert.labels.severity ~= "info", "noise" end,
})
"""


def stamp(t):
    return (START + datetime.timedelta(seconds=t)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def write(path):
    rnd = random.Random(1)
    shapes = [(rnd.randrange(1800, 20000), rnd.randrange(600, 10000)) for _ in range(ALERTS)]
    fps = [f"{rnd.getrandbits(64):016x}" for _ in range(ALERTS)]
    with open(path, "wb") as out, subprocess.Popen(["zstd", "-q", "-c"], stdin=subprocess.PIPE, stdout=out) as zstd:
        for t in range(0, DAY, EVERY):
            alerts = []
            for i, (on, off) in enumerate(shapes):
                phase = (t + i * 97) % (on + off)
                if phase < on:
                    alerts.append({
                        "annotations": {"summary": f"Something is wrong with pod-{i}", "description": "What is wrong, in a sentence or two. " * 3},
                        "endsAt": stamp(t + 240), "fingerprint": fps[i], "receivers": [{"name": "web"}], "startsAt": stamp(t - phase),
                        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"}, "updatedAt": stamp(t),
                        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
                        "labels": {"alertname": f"Alert{i % 9}", "namespace": "production", "pod": f"pod-{i}", "team": ["payments", "search"][i % 2],
                                   "severity": ["critical", "warning", "info"][i % 3]}})
            zstd.stdin.write((json.dumps({"time": stamp(t), "url": "http://alertmanager:9093", "status": 200, "alerts": alerts},
                                         separators=(",", ":")) + "\n").encode())


with tempfile.TemporaryDirectory() as d:
    d = pathlib.Path(d)
    write(d / "day.jsonl.zst")
    (d / "spawner.yaml").write_text(DOCUMENT)
    (d / "policies").mkdir()
    (d / "policies/10-payments.lua").write_text(POLICY)
    start = time.monotonic()
    done = subprocess.run([PROGRAM, "replay", d / "day.jsonl.zst", "-f", d / "spawner.yaml", "--policies", d / "policies", "-o", "json"],
                          check=True, capture_output=True, text=True)
    took = time.monotonic() - start
    report = json.loads(done.stdout)
    side = report["sides"][0]
    print(f"a day of {ALERTS} alerts, polled every {EVERY} s, pollInterval {INTERVAL}: {report['polls']} polls, "
          f"{side['spawners'][0]['cycles']} cycles, {side['tasks']} Tasks in {took:.2f} s: {DAY / took:,.0f} times real time")
