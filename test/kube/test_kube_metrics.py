"""What the engine counts of the API server, and when it says that it is ready."""
import json
import re

import harness
from engine import OURS, RULES, InCluster, alert_spawner
from harness import alert_json, ask, sends, served, wait_until


def samples(text, name):
    """{(verb, resource[, code]): value}"""
    found = {}
    for labels, value in re.findall(rf"^alertspawner_kube_{name}\{{(.*)\}} (\S+)$", text, re.M):
        key = tuple(v for k, v in re.findall(r'(\w+)="([^"]*)"', labels) if k != "le")
        found[key] = float(value)
    return found


def test_requests_are_counted(cluster, namespace, engine, serve):
    alerts = [alert_json({"alertname": "A", "n": str(n)}) for n in range(3)]
    server = serve(sends(json.dumps(alerts)))
    cluster.admin.post(OURS.format(namespace), alert_spawner("s", server.url))
    run = InCluster(engine, cluster, namespace).start("--listen", "127.0.0.1:0")
    url = served(run)
    wait_until(lambda: len(cluster.tasks(namespace)) == 3, "three Tasks")

    def counted():
        text = ask(url, "/metrics")[2]
        return text if samples(text, "requests_total").get(("create", "tasks", "201")) == 3 else None
    text = wait_until(counted, "they are counted")
    counts, times = (samples(text, n) for n in ("requests_total", "request_duration_seconds_count"))
    assert counts["list", "tasks", "200"] >= 1 and counts["list", "alertspawners", "200"] >= 1
    assert counts["patch", "alertspawners", "200"] >= 1
    assert {(v, r) for v, r, _ in counts} == set(times)
    assert sum(counts.values()) == sum(times.values())
    assert {v for v, _ in times} <= {"get", "list", "create", "update", "patch", "delete"}
    assert "s-a-" not in text  # no names of Tasks
    status, _, text = ask(url, "/readyz")
    assert status == 200 and "[+] lists: what is in the cluster has been listed" in text
    # no answer at all is counted by its kind
    cluster.freeze()
    try:
        wait_until(lambda: any(code in ("timeout", "unreachable") for _, _, code in samples(ask(url, "/metrics")[2], "requests_total")),
                   "an attempt without an answer", 2 * harness.PATIENCE)
        assert ask(url, "/healthz")[0] == 200  # a restart would not help
    finally:
        cluster.thaw()


def test_not_ready_before_the_first_list(cluster, namespace, engine):
    """A right that is missing is said by /readyz, too."""
    rules = [r for r in RULES if "tasks" not in r["resources"]]
    run = InCluster(engine, cluster, namespace, rules).start("--listen", "127.0.0.1:0")
    url = served(run)
    wait_until(lambda: "forbidden" in ask(url, "/readyz")[2], "the reason is said")
    status, _, text = ask(url, "/readyz")
    assert status == 503 and re.search(r"^\[-\] lists: .*tasks.*forbidden", text, re.M), text
    assert ask(url, "/healthz")[0] == 200
