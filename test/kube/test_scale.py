"""200 AlertSpawners and 10,000 Tasks: everything has its Task, and memory does not grow from round to round."""
import json
import os
import re
import time

import pytest

from engine import InCluster, alert_spawner
from harness import alert_json, sends, wait_until

SPAWNERS, ALERTS = 200, 50


def resident(pid):
    """MiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024


def test_two_hundred_spawners(engine, cluster, namespace, serve, monkeypatch):
    release = os.environ.get("ALERTSPAWNER_RELEASE")
    if not release:
        pytest.skip("ALERTSPAWNER_RELEASE names no release build; sanitizers' memory says nothing")
    monkeypatch.setenv("ALERTSPAWNER", release)
    into = InCluster(engine, cluster, namespace)
    body = json.dumps([alert_json({"alertname": "Scale", "pod": f"p{i:02}"}) for i in range(ALERTS)]).encode()
    polls = []

    def answer(handler):
        polls.append(1)
        sends(body)(handler)
    source = serve(answer)
    for i in range(SPAWNERS):
        into.put(alert_spawner(f"s{i:03}", source.url, {"pollInterval": "15s"}))
    run = into.start()
    began = time.monotonic()

    def count():
        page = cluster.admin.get(f"/apis/kelos.dev/v1alpha2/namespaces/{namespace}/tasks?limit=1")
        return len(page["items"]) + page["metadata"].get("remainingItemCount", 0)
    wait_until(lambda: count() == SPAWNERS * ALERTS, "every Task", 900)
    print(f"{SPAWNERS * ALERTS} Tasks after {time.monotonic() - began:.0f} s")

    def rounds(n):
        have = len(polls)
        wait_until(lambda: len(polls) >= have + n * SPAWNERS, f"{n} rounds", 600)
    rounds(2)
    first = resident(run.pid)
    rounds(5)
    then = resident(run.pid)
    print(f"resident: {first:.1f} MiB, five rounds later {then:.1f} MiB")
    assert then < first + 4
    assert then < 150
    assert count() == SPAWNERS * ALERTS
    statuses = cluster.admin.get(f"/apis/alerts.kelos.dev/v1alpha1/namespaces/{namespace}/alertspawners")["items"]
    assert {s["status"]["totalTasksCreated"] for s in statuses} == {ALERTS}
    assert {s["status"]["activeTasks"] for s in statuses} == {ALERTS}
    # A new one is served at once beside them, and one that goes is let go.
    into.put(alert_spawner("late", source.url))
    wait_until(lambda: into.status("late").get("totalTasksCreated") == ALERTS, "the late one", 120)
    assert run.process.poll() is None
