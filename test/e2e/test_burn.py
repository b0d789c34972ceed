"""A policy that burns what it is given costs its own spawner a cycle; the others go on meanwhile. What they wait is
measured by test/bench/burn.py; here only the order of events counts."""
import json
import os

from harness import alert_json, sends, spawner, wait_until

# Nearly the whole budget of a call, for every alert, and always an answer: nothing that a quarantine could end.
BURNS = """return policy.extend(policy.base, { api = 1, match = 'burn="yes"',
    filter = function() local n = 0 for i = 1, 900000 do n = n + i end return false, "burnt" end })"""


def test_others_go_on(engine, serve):
    many = [alert_json({"alertname": f"B{i}", "burn": "yes"}) for i in range(5000)]
    burners = len(os.sched_getaffinity(0)) + 1  # more than there are processors
    server = serve({"/burn": sends(json.dumps(many)), "/calm": sends(json.dumps([alert_json({"alertname": "A"})]))})
    documents = [spawner(f"burn{i}", server.url + "/burn", when={"pollInterval": "5s"}) for i in range(burners)]
    documents.append(spawner("calm", server.url + "/calm", when={"pollInterval": "5s"}))
    run = engine.start("run", "-f", engine.write(*documents), "--policies", engine.policies(burn=BURNS))

    def polls(name):
        return sum(path.startswith(f"/{name}/") for path, _, _ in server.requests)
    wait_until(lambda: polls("burn") == burners, "all burn")
    before = run.stderr.count("spawner=default/calm cycle done")
    wait_until(lambda: run.stderr.count("spawner=default/calm cycle done") > before, "a calm cycle meanwhile")
    burnt = [line for line in run.stderr.splitlines() if "/burn" in line and "cycle" in line]
    assert burnt == [], "a burning cycle was over before the calm one had its turn"
    assert len(engine.tasks()) == 1
