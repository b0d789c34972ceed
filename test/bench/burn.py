#!/usr/bin/env python3
"""burn.py ALERTSPAWNER [BURNERS]: how long the cycles of a calm spawner take alone, and while others burn their whole
budget. Prints both; the interval between two polls of the calm one says whether it is on time."""
import json
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import os

os.environ.setdefault("ALERTSPAWNER", sys.argv[1] if len(sys.argv) > 1 else "build/release/alertspawner")
import harness
import test_burn

ROUNDS = 5


def measure(burners):
    many = [harness.alert_json({"alertname": f"B{i}", "burn": "yes"}) for i in range(5000)]
    polls = []

    def calm(handler):
        polls.append(time.monotonic())
        harness.send(handler, json.dumps([harness.alert_json({"alertname": "A"})]))
    server = harness.Server({"/burn": harness.sends(json.dumps(many)), "/calm": calm})
    with tempfile.TemporaryDirectory() as directory:
        engine = harness.Engine(pathlib.Path(directory) / "engine")
        documents = [harness.spawner(f"burn{i}", server.url + "/burn", when={"pollInterval": "5s"}) for i in range(burners)]
        documents.append(harness.spawner("calm", server.url + "/calm", when={"pollInterval": "5s"}))
        run = engine.start("run", "-f", engine.write(*documents), "--policies", engine.policies(burn=test_burn.BURNS))
        took, seen = [], 0
        while len(took) < ROUNDS:
            done = run.stderr.count("spawner=default/calm cycle done")
            if done > seen:
                took.append((time.monotonic() - polls[seen]) * 1000)
                seen = done
            time.sleep(0.002)
        late = [(b - a - 5) * 1000 for a, b in zip(polls, polls[1:])]
        run.kill()
        engine.close()
    server.close()
    print(f"{burners} burning: a calm cycle takes {statistics.median(took):.0f} ms (worst {max(took):.0f}), "
          f"its polls come {statistics.median(late):.0f} ms late (worst {max(late):.0f})")


measure(0)
measure(int(sys.argv[2]) if len(sys.argv) > 2 else len(os.sched_getaffinity(0)) + 1)
