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


def test_what_burns_is_silenced_at_once(engine, serve):
    """After the fifth budget that was used up nobody is asked any more, not even who is in the same batch: the sixth alert
    would hold its worker until the clock kills it."""
    alerts = [alert_json({"alertname": "A", "n": f"{n:02}"}, fingerprint=f"{n:016x}") for n in range(1, 41)]
    server = serve(sends(json.dumps(alerts)))
    policies = engine.policies(p="""local asked = 0
        return policy.extend(policy.base, { api = 1, name = "p", match = 'alertname="A"', filter = function()
            asked = asked + 1
            if asked <= 5 then while true do end end
            local s = ("a"):rep(1000)
            while true do s:gsub(".-b", "") end
        end })""")
    decided = engine.decisions("plan", "-f", engine.write(spawner("s", server.url)), "--policies", policies, code=1)["s"]
    assert [d["reason"] for d in decided] == ["policy.timeout"] * 5 + ["policy.quarantined"] * 35
    assert all("instructions" in d["detail"] for d in decided[:5])
