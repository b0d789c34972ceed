"""/metrics, read as strictly as Prometheus' own tools read it, with numbers that are counted here as well."""
import json
import math
import re
import shutil
import subprocess
import time

import pytest

import harness
from harness import alert_json, ask, sends, served, spawner, wait_until

ANY = ("--listen", "127.0.0.1:0")
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
BASE = ["kelos_spawner_discovery_total", "kelos_spawner_discovery_errors_total", "kelos_spawner_items_discovered_total",
        "kelos_spawner_tasks_created_total", "kelos_spawner_discovery_duration_seconds"]


def doc(url, name="s", **spec):
    return spawner(name, url, when={"pollInterval": "5s", **spec.pop("when", {})}, **spec)


def labels_of(text):
    labels, at = {}, 0
    while at < len(text or ""):
        m = LABEL.match(text, at)
        assert m, f"labels {text!r}"
        assert m[1] not in labels
        labels[m[1]] = m[2].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
        at = m.end()
    return labels


def parse(text):
    """{family: (type, {(sample name, labels): value})}; everything that the format forbids fails."""
    assert text.endswith("\n") and "\r" not in text and "\n\n" not in text
    families, current, helped = {}, None, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
            assert helped not in families and len(line.split(" ", 3)) == 4
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == helped and kind in ("counter", "gauge", "histogram")
            current = name
            families[name] = (kind, {})
        else:
            m = SAMPLE.fullmatch(line)
            assert m, f"line {line!r}"
            kind, samples = families[current]
            suffix = m[1].removeprefix(current)
            assert suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",)), line
            key = (m[1], tuple(sorted(labels_of(m[2]).items())))
            assert key not in samples, f"twice: {line}"
            samples[key] = float(m[3])
            assert kind != "counter" or samples[key] >= 0
    for name, (kind, samples) in families.items():
        assert samples, f"{name} has no sample"
        if kind == "histogram":
            check_histogram(name, samples)
    return families


def check_histogram(name, samples):
    series = {}
    for (sample, labels), value in samples.items():
        rest = tuple(kv for kv in labels if kv[0] != "le")
        one = series.setdefault(rest, {"buckets": []})
        if sample == f"{name}_bucket":
            one["buckets"].append((float(dict(labels)["le"].replace("+Inf", "inf")), value))
        else:
            one[sample.removeprefix(name)] = value
    for rest, one in series.items():
        les, counts = zip(*one["buckets"])
        assert list(les) == sorted(les) and les[-1] == math.inf, (name, rest)
        assert list(counts) == sorted(counts) and counts[-1] == one["_count"], (name, rest)
        assert one["_sum"] >= 0


def scrape(url):
    status, headers, text = ask(url, "/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(text)


def value(families, name, **labels):
    family = name if name in families else re.sub("_(sum|count|bucket)$", "", name)
    if family not in families:
        return None
    found = [v for (n, ls), v in families[family][1].items() if n == name and labels.items() <= dict(ls).items()]
    return sum(found) if found else None


@pytest.fixture
def promtool():
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")

    def check(text):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return check


def test_numbers(engine, serve, promtool):
    """What a cycle decided is what is counted."""
    alerts = [alert_json({"alertname": "A", "n": str(n)}) for n in range(5)]
    alerts += [alert_json({"alertname": "A", "n": "drop"}), alert_json({"alertname": "A", "n": "boom"})]
    policies = engine.policies(p='''return policy.extend(policy.base, {api = 1, name = "mine", match = 'alertname!=""',
        reasons = {dull = "of no interest"},
        title = function(a) error("no title") end,
        filter = function(a)
            if a.labels.n == "boom" then error("boom") end
            return a.labels.n ~= "drop", "dull" end})''')
    answers = {"body": json.dumps(alerts)}
    server = serve({"/am": lambda h: harness.send(h, answers["body"]), "/bad": sends("no", status=500)})
    run = engine.start("run", "-f", engine.write(doc(server.url + "/am", "good", maxConcurrency=3),
                                                 doc(server.url + "/bad", "bad"),
                                                 doc(server.url + "/am", "off", suspend=True)),
                       "--policies", policies, *ANY)
    url = served(run)
    wait_until(lambda: len(engine.tasks()) == 3 and "cycle failed" in run.stderr, "both have had a cycle")
    text = wait_until(lambda: "taskspawner=\"bad\",kind" in (t := ask(url, "/metrics")[2]) and t, "all is counted")
    promtool(text)
    m = parse(text)
    assert [b for b in BASE if b not in m] == []
    good, bad, off = ({"namespace": "default", "taskspawner": n} for n in ("good", "bad", "off"))
    cycles = int(value(m, "kelos_spawner_discovery_duration_seconds_count", **good))
    assert cycles >= 1
    assert value(m, "kelos_spawner_discovery_total", **good) == 0  # an alert was an error in every cycle
    assert value(m, "kelos_spawner_discovery_errors_total", **good) == cycles
    assert value(m, "kelos_spawner_items_discovered_total", **good) == 5 * cycles
    assert value(m, "kelos_spawner_tasks_created_total", **good) == 3
    assert value(m, "alertspawner_decisions_total", verdict="create", reason="create.new", **good) == 3
    assert value(m, "alertspawner_decisions_total", verdict="skip", reason="policy.dull", **good) == cycles
    assert value(m, "alertspawner_decisions_total", verdict="error", reason="policy.error", **good) == cycles
    assert value(m, "alertspawner_decisions_total", **good) == 7 * cycles
    assert value(m, "alertspawner_policy_errors_total", policy="mine", hook="filter", kind="error") == cycles
    assert value(m, "alertspawner_policy_errors_total", hook="title", kind="fallback") == 3
    assert value(m, "alertspawner_alerts", **good) == 7
    assert value(m, "alertspawner_decisions_waiting", **good) == 2
    assert value(m, "alertspawner_poll_duration_seconds_count", **good) == cycles
    assert abs(value(m, "alertspawner_last_successful_poll_timestamp_seconds", **good) - time.time()) < 60
    assert value(m, "alertspawner_last_successful_poll_timestamp_seconds", **bad) == 0
    assert value(m, "alertspawner_poll_failures_total", **bad) == value(m, "kelos_spawner_discovery_errors_total", **bad) >= 1
    assert value(m, "kelos_spawner_discovery_total", **bad) == 0
    # a suspended spawner's cycles are timed and nothing else
    assert value(m, "kelos_spawner_discovery_duration_seconds_count", **off) >= 1
    assert value(m, "kelos_spawner_discovery_total", **off) == value(m, "kelos_spawner_discovery_errors_total", **off) == 0
    assert value(m, "alertspawner_spawner_suspended", **off) == 1 and value(m, "alertspawner_spawner_suspended", **good) == 0
    assert value(m, "alertspawner_spawners") == 3 and value(m, "alertspawner_build_info") == 1
    assert value(m, "alertspawner_worker_starts_total") >= cycles
    assert value(m, "alertspawner_policies_last_reload_successful") == 1
    assert value(m, "process_resident_memory_bytes") > 1e6 and value(m, "process_open_fds") > 3
    # counters only rise
    wait_until(lambda: value(scrape(url), "kelos_spawner_discovery_duration_seconds_count", **good) > cycles, "one more cycle")
    later = scrape(url)
    for name, (kind, samples) in m.items():
        for key, v in samples.items():
            assert kind == "gauge" or later[name][1][key] >= v, key
    assert value(later, "alertspawner_http_requests_total", route="/metrics", code="200") >= 2


def test_no_label_holds_what_an_alert_says(engine, serve):
    marks = [f"m4rk{n}" for n in range(6)]
    alert = alert_json({"alertname": marks[0], marks[1]: marks[2]}, annotations={"summary": marks[3]},
                       generatorURL=f"http://{marks[4]}/", receivers=[{"name": marks[5]}])
    policies = engine.policies(p='''return policy.extend(policy.base, {api = 1, name = "p", match = 'alertname!=""',
        filter = function(a) error(a.name .. ": filter: " .. a.name) end})''')
    server = serve(sends(json.dumps([alert, alert_json({"alertname": marks[0]}, fingerprint="nonsense")])))
    run = engine.start("run", "-f", engine.write(doc(server.url)), "--policies", policies, *ANY)
    url = served(run)
    wait_until(lambda: value(scrape(url), "alertspawner_policy_errors_total"), "an error was counted")
    text = ask(url, "/metrics")[2]
    assert [m for m in marks if m in text] == []
    assert value(parse(text), "alertspawner_policy_errors_total", policy="p", hook="filter", kind="error") >= 1


def test_workers_and_reloads(engine, serve):
    """A worker that is killed, a policy that is quarantined, and one that does not load."""
    server = serve(sends(json.dumps([alert_json({"alertname": "A", "n": str(n)}) for n in range(8)])))
    policies = engine.policies(
        loop='return policy.extend(policy.base, {api = 1, name = "loop", match = \'alertname!=""\','
             ' filter = function() while true do end end})')
    run = engine.start("run", "-f", engine.write(doc(server.url)), "--policies", policies, *ANY)
    url = served(run)
    wait_until(lambda: value(scrape(url), "alertspawner_policies_quarantined") == 1, "it is quarantined")
    wait_until(lambda: value(scrape(url), "alertspawner_policy_errors_total"), "its cycle is over")
    m = scrape(url)
    assert value(m, "alertspawner_policy_errors_total", policy="loop", hook="filter", kind="timeout") >= 5
    assert value(m, "alertspawner_policies_last_reload_successful") == 1
    good_at = value(m, "alertspawner_policies_last_reload_success_timestamp_seconds")
    assert abs(good_at - time.time()) < 60
    engine.policies(loop="return nonsense(")
    wait_until(lambda: value(scrape(url), "alertspawner_policies_last_reload_successful") == 0, "the broken one is seen")
    m = scrape(url)
    assert value(m, "alertspawner_policy_problems") == 1
    assert value(m, "alertspawner_policies_last_reload_success_timestamp_seconds") == good_at
    engine.policies(loop='return policy.extend(policy.base, {api = 1, name = "loop", match = \'a="b"\'})')
    wait_until(lambda: value(scrape(url), "alertspawner_policies_last_reload_successful") == 1, "the mended one is taken up")
    m = scrape(url)
    assert value(m, "alertspawner_policies_last_reload_success_timestamp_seconds") > good_at


def test_a_spawner_that_goes(engine, serve):
    """Its series go with it: an alert rule must not fire for ever for what nobody wants any more."""
    server = serve(sends("[]"))
    file = engine.write(doc(server.url, "stays"), doc(server.url, "goes"))
    run = engine.start("run", "-f", file, *ANY)
    url = served(run)
    name = "alertspawner_last_successful_poll_timestamp_seconds"
    wait_until(lambda: value(scrape(url), name, taskspawner="goes"), "it is polled")
    engine.write(doc(server.url, "stays"))
    wait_until(lambda: value(scrape(url), "alertspawner_spawners") == 1, "one is left")
    assert 'taskspawner="goes"' not in ask(url, "/metrics")[2]
    assert value(scrape(url), name, taskspawner="stays")


def test_many_spawners(engine, serve, promtool):
    """More than have labels of their own: the rest is summed up as "other"."""
    server = serve(sends("[]"))
    n = 520
    run = engine.start("run", "-f", engine.write(*(spawner(f"s{i}", server.url, when={"pollInterval": "10m"})
                                                   for i in range(n))), *ANY)
    url = served(run)
    wait_until(lambda: value(scrape(url), "kelos_spawner_discovery_duration_seconds_count") == n, "every one had its cycle", 180)
    text = ask(url, "/metrics")[2]
    promtool(text)
    m = parse(text)
    assert value(m, "kelos_spawner_discovery_duration_seconds_count", namespace="other", taskspawner="other") == n - 500
    assert len(m["kelos_spawner_discovery_total"][1]) == 501
    assert value(m, "alertspawner_spawners") == n
