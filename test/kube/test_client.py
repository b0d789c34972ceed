"""The engine's client of the API server against a real one: questions, errors, the informer, events. Elections are in
test_lease.py, credentials in test_credentials.py."""
import random
import re
import time

import pytest

import faults as f
from harness import wait_until
from probe import Probe

MAPS = "configmaps"


@pytest.fixture
def probes():
    started = []

    def start(*args, **more):
        started.append(Probe(*args, **more))
        return started[-1]
    yield start
    for probe in started:
        if probe.process.poll() is None:
            probe.close()


@pytest.fixture
def probe(probes, cluster, namespace, tmp_path):
    p = probes(cluster.kubeconfig(tmp_path / "config", namespace=namespace))
    assert p.wait("ready")["ns"] == namespace
    return p


@pytest.fixture
def faulty(probes, cluster, namespace, faults, tmp_path):
    """Behind the fault proxy, as a ServiceAccount that may do everything with ConfigMaps."""
    cluster.service_account(namespace, "engine")
    cluster.kubectl("-n", namespace, "create", "role", "engine", "--verb=*", "--resource=configmaps")
    cluster.kubectl("-n", namespace, "create", "rolebinding", "engine", "--role=engine",
                    f"--serviceaccount={namespace}:engine")
    p = probes(cluster.kubeconfig(tmp_path / "config", token=cluster.token(namespace, "engine"), namespace=namespace,
                                  server=faults.url))
    p.wait("ready")
    return p


def config_map(name, value="1", **metadata):
    return {"metadata": {"name": name, **metadata}, "data": {"v": value}}


def path(namespace, name=""):
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def truth(cluster, namespace):
    """What an index must hold now."""
    return {o["metadata"]["name"]: f'{o["metadata"]["resourceVersion"]} {{"v":"{o["data"]["v"]}"}}'
            for o in cluster.admin.get(path(namespace))["items"] if "v" in o.get("data", {})}


def agrees(cluster, namespace, probe):
    def same():
        index = {k: v for k, v in probe.dump()["index"].items() if k != "kube-root-ca.crt"}
        return index == truth(cluster, namespace)
    wait_until(same, "the index holds what the API server holds")


# ---- one object ----

def test_writes_and_their_errors(probe, cluster, namespace):
    made = probe.ask("create", MAPS, config_map("a"))["object"]
    assert made["metadata"]["managedFields"][0]["manager"] == "alertspawner"
    again = probe.ask("create", MAPS, config_map("a"))
    assert again["error"] == "already exists"
    assert again["message"] == (f'POST {path(namespace)}: configmaps "a" already exists (409 AlreadyExists)')
    got = probe.ask("get", MAPS, "a")["object"]
    assert got["metadata"]["uid"] == made["metadata"]["uid"]
    changed = probe.ask("update", MAPS, "a", {**got, "data": {"v": "2"}})["object"]
    late = probe.ask("update", MAPS, "a", {**got, "data": {"v": "3"}})
    assert late["error"] == "conflict" and "the object has been modified" in late["message"]
    patched = probe.ask("patch", MAPS, "a", {"data": {"w": "5"}})["object"]
    assert patched["data"] == {"v": "2", "w": "5"}
    stale = probe.ask("patch", MAPS, "a", {"metadata": {"resourceVersion": changed["metadata"]["resourceVersion"]},
                                           "data": {"w": "6"}})
    assert stale["error"] == "conflict"
    applied = probe.ask("apply", MAPS, "b", {"apiVersion": "v1", "kind": "ConfigMap", **config_map("b")})["object"]
    assert applied["data"] == {"v": "1"}
    uid, version = (patched["metadata"][k] for k in ("uid", "resourceVersion"))
    assert probe.ask("delete", MAPS, "a", "00000000-0000-4000-8000-000000000000", "-")["error"] == "conflict"
    assert probe.ask("delete", MAPS, "a", uid, changed["metadata"]["resourceVersion"])["error"] == "conflict"
    assert probe.ask("delete", MAPS, "a", uid, version)["object"]["kind"] == "Status"
    gone = probe.ask("get", MAPS, "a")
    assert gone["error"] == "not found" and '"a" not found' in gone["message"]
    assert probe.ask("delete", MAPS, "a", uid, "-")["error"] == "not found"


def test_a_refused_object_says_why(probe):
    bad = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "t"},
           "spec": {"type": "claude-code", "prompt": "p", "credentials": {"type": "oauth"}}}
    refused = probe.ask("create", "tasks", bad)
    assert refused["error"] == "invalid" and "secretRef is required for api-key and oauth" in refused["message"]
    unknown = probe.ask("create", "tasks", {**bad, "spec": {"type": "claude-code", "prompt": "p",
                                                            "credentials": {"type": "none"}, "promt": "x"}})
    assert unknown["error"] == "invalid" and 'unknown field "spec.promt"' in unknown["message"]
    for name in ("../secrets", "..", "a/b"):
        assert probe.ask("get", MAPS, name)["error"] in ("invalid", "not found")


def test_forbidden(probes, cluster, namespace, tmp_path):
    cluster.service_account(namespace, "nobody")
    p = probes(cluster.kubeconfig(tmp_path / "config", token=cluster.token(namespace, "nobody"), namespace=namespace))
    refused = p.ask("get", "secrets", "x")
    assert refused["error"] == "forbidden" and 'cannot get resource "secrets"' in refused["message"]
    p = probes(cluster.kubeconfig(tmp_path / "config", token="s3cr3t", namespace=namespace))
    refused = p.ask("get", "secrets", "x")
    assert refused["error"] == "forbidden" and "Unauthorized" in refused["message"] and "s3cr3t" not in str(refused)


def test_discovery(probe):
    assert probe.ask("discover", "tasks")["object"]["kind"] == "Task"
    assert probe.ask("discover", "configmaps")["object"]["namespaced"] is True
    absent = probe.ask("discover", "absent")
    assert absent["error"] == "not found"
    assert absent["message"] == ("the API server knows no Task of kelos.dev/v7, but kelos.dev/v1alpha2, kelos.dev/v1alpha1: "
                                 "the CustomResourceDefinition tasks.kelos.dev is missing; install Kelos") or \
        absent["message"].startswith("the API server knows no Task of kelos.dev/v7, but kelos.dev/v1alpha2")
    unknown = probe.ask("discover", "unknown")
    assert unknown["message"] == ("the API server knows no Thing of nobody.example/v1: the CustomResourceDefinition "
                                  "things.nobody.example is missing")


def test_pages_and_selectors(probe, cluster, namespace):
    for i in range(25):
        cluster.admin.post(path(namespace), config_map(f"m{i}", labels={"odd": str(i % 2)}))
    page = probe.ask("list", MAPS, "10", "odd", "-")
    assert page["items"] == 10 and page["continue"]
    page = probe.ask("list", MAPS, "10", "odd", page["continue"])
    page = probe.ask("list", MAPS, "10", "odd", page["continue"])
    assert page["items"] == 5 and page["continue"] == ""
    assert probe.ask("list", MAPS, "0", "odd=1", "-")["items"] == 12
    assert probe.ask("list", MAPS, "0", "odd in (0,1),odd!=0", "-")["items"] == 12
    wrong = probe.ask("list", MAPS, "0", "odd in", "-")
    assert wrong["error"] == "invalid" and "unable to parse" in wrong["message"]


# ---- faults ----

def test_the_server_says_when_to_come_back(faulty, faults, namespace):
    faults.rule(f.answer(429, retry_after=1), path=MAPS, times=2)
    start = time.monotonic()
    assert "object" in faulty.ask("create", MAPS, config_map("a"))
    assert time.monotonic() - start >= 2 and faults.asked("POST", MAPS) == 3
    faults.rule(f.answer(503, retry_after=1), path=MAPS, times=1)
    assert "object" in faulty.ask("get", MAPS, "a") and faults.asked("GET", f"{MAPS}/a") == 2
    # without a time, a 5xx is told at once: nobody knows what the server has done
    faults.rule(f.answer(500), path=MAPS, times=1)
    failed = faulty.ask("get", MAPS, "a")
    assert failed["error"] == "unreachable" and "the fault proxy says so (500 InternalError)" in failed["message"]
    faulty("timeout", "1500")
    faults.clear()
    faults.rule(f.answer(429, retry_after=30), path=MAPS)
    failed = faulty.ask("get", MAPS, "a")
    assert failed["error"] == "throttled", failed


def test_nobody_knows_what_became_of_it(faulty, faults, cluster, namespace):
    faults.rule(f.reset_after(), method="POST", times=1)
    failed = faulty.ask("create", MAPS, config_map("a"))
    # the connection was new, so libcurl does not send it again
    assert failed["error"] == "unreachable" and cluster.admin.find(path(namespace, "a"))
    faults.rule(f.reset_before(), method="POST", times=1)
    failed = faulty.ask("create", MAPS, config_map("b"))
    assert failed["error"] == "unreachable" and not cluster.admin.find(path(namespace, "b"))
    faulty("timeout", "700")
    faults.rule(f.hang(), method="POST", times=1)
    failed = faulty.ask("create", MAPS, config_map("c"))
    assert failed["error"] == "timeout" and cluster.admin.find(path(namespace, "c"))
    faulty("timeout", "5000")
    faults.rule(f.slow(size=20, pause=0.01), method="GET", times=1)
    assert faulty.ask("get", MAPS, "c")["object"]["data"] == {"v": "1"}
    faults.down()
    assert faulty.ask("get", MAPS, "c")["error"] == "unreachable"
    faults.up()
    assert "object" in faulty.ask("get", MAPS, "c")


# ---- the informer ----

def test_informer(probe, cluster, namespace):
    cluster.admin.post(path(namespace), config_map("a", labels={"mine": "1"}))
    cluster.admin.post(path(namespace), config_map("other"))
    probe("informer", MAPS, "mine")
    assert probe.wait("new")["name"] == "a"
    probe.wait("synced")
    cluster.admin.merge(path(namespace, "a"), {"data": {"v": "2"}})
    assert probe.wait("changed")["kept"].endswith('{"v":"2"}')
    cluster.admin.post(path(namespace), config_map("b", labels={"mine": "1"}))
    assert probe.wait("new")["name"] == "b"
    cluster.admin.merge(path(namespace, "b"), {"metadata": {"labels": {"mine": None}}})  # it leaves the selection
    assert probe.wait("gone")["name"] == "b"
    cluster.admin.delete(path(namespace, "a"))
    assert probe.wait("gone")["name"] == "a"
    dump = probe.dump()
    assert dump["index"] == {} and dump["watching"] and dump["lists"] == 1 and dump["stale"] == 0


def test_own_writes_enter_at_once(faulty, faults, cluster, namespace):
    faulty("informer", MAPS, "mine")
    faulty.wait("synced")
    wait_until(lambda: faulty.dump()["watching"], "it watches")
    wait_until(lambda: faults.asked("GET", MAPS, watch="true") >= 1, "the proxy has seen it")
    faults.rule(f.hang(), watch=True)  # the watch tells nothing any more
    faults.cut()
    wait_until(lambda: faults.asked("GET", MAPS, watch="true") >= 2, "the watch is opened again")
    made = faulty.ask("create", MAPS, config_map("a", labels={"mine": "1"}))["object"]
    assert list(faulty.dump()["index"]) == ["a"]
    faulty.ask("patch", MAPS, "a", {"data": {"v": "2"}})
    assert faulty.dump()["index"]["a"].endswith('{"v":"2"}')
    faulty.ask("delete", MAPS, "a", made["metadata"]["uid"], "-")
    assert faulty.dump()["index"] == {}
    faulty.ask("create", MAPS, config_map("b", labels={"mine": "1"}))
    faults.clear()
    faults.cut()
    cluster.admin.post(path(namespace), config_map("c", labels={"mine": "1"}))
    faulty.wait("new", name="c")  # the watch goes on where it stopped: all of this comes again
    assert set(faulty.dump()["index"]) == {"b", "c"}
    assert not [s for s in faulty.seen if s["says"] == "new" and s.get("name") == "a"][1:], "what we deleted came back"


def test_pages_of_the_informer(faulty, faults, cluster, namespace):
    for i in range(1100):
        cluster.admin.post(path(namespace), {"metadata": {"name": f"m{i}"}, "data": {"v": "1"}})
    faults.rule(f.reset_before(), path=MAPS, times=1)  # the first list fails as a whole
    faulty("informer", MAPS, "-")
    faulty.wait("synced")
    agrees(cluster, namespace, faulty)
    assert faults.asked("GET", MAPS, limit="500") == 4 and faulty.dump()["lists"] == 1
    # the continue token expires under way: then the list comes in one piece
    faults.rule(f.answer(410), path=MAPS, watch=False, times=1)
    before = len(faults.seen)
    faulty("refresh")
    faults.rules[-1].left = 0
    faulty.wait("synced")

    class Second:
        n = 0

    def second(request):
        Second.n += 1
        (f.answer(410) if Second.n == 2 else f.Request.relay)(request)
    faults.rule(second, path=MAPS, watch=False)
    faulty("refresh")
    faulty.wait("synced")
    lists = [q for m, p, q in faults.seen[before:] if "watch" not in q]
    assert "limit" not in lists[-1] and "continue" not in lists[-1]
    agrees(cluster, namespace, faulty)


def test_a_watch_that_is_too_old(faulty, faults, cluster, namespace):
    cluster.admin.post(path(namespace), config_map("a"))
    cluster.admin.post(path(namespace), config_map("b"))
    faulty("informer", MAPS, "-")
    faulty.wait("synced")
    faults.down()  # meanwhile: one gone, one changed, one new
    cluster.admin.delete(path(namespace, "a"))
    cluster.admin.merge(path(namespace, "b"), {"data": {"v": "2"}})
    cluster.admin.post(path(namespace), config_map("c"))
    trouble = faulty.wait("trouble")
    assert trouble["error"] == "unreachable"
    faults.rule(f.gone(), watch=True, times=1)
    faults.up()
    faulty.wait("synced")
    agrees(cluster, namespace, faulty)
    assert {(s["says"], s["name"]) for s in faulty.seen if s["says"] in ("gone", "changed")} == {("gone", "a"), ("changed", "b")}
    dump = faulty.dump()
    assert dump["lists"] == 2 and dump["trouble"] == ""


def test_stale_events(faulty, faults, cluster, namespace):
    faults.rule(f.stale(), watch=True)
    faulty("informer", MAPS, "mine")
    faulty.wait("synced")
    for i in range(20):
        if i == 0:
            made = cluster.admin.post(path(namespace), config_map("a", labels={"mine": "1"}))
        else:
            cluster.admin.merge(path(namespace, "a"), {"data": {"v": str(i)}})
    faulty.wait("changed", where=lambda s: s["kept"].endswith('{"v":"19"}'))
    versions = [int(s["kept"].split()[0]) for s in faulty.seen if s["says"] in ("new", "changed") and s["name"] == "a"]
    assert versions == sorted(versions) and len(set(versions)) == len(versions)
    assert faulty.dump()["stale"] >= 15
    assert made


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_the_index_ends_up_right(faulty, faults, cluster, namespace, seed):
    """Ten seconds of changes, ours and of others, under all kinds of faults; then peace, and a comparison."""
    dice = random.Random(seed)
    random.seed(seed)
    faulty("informer", MAPS, "-")
    faulty.wait("synced")
    faulty("timeout", "2000")
    for act, more in ((f.cut(2), {"watch": True, "chance": 0.4}), (f.cut(1, middle=True), {"watch": True, "chance": 0.4}),
                      (f.gone(), {"watch": True, "chance": 0.2}), (f.stale(), {"watch": True}),
                      (f.reset_before(), {"chance": 0.1}), (f.reset_after(), {"chance": 0.1}),
                      (f.answer(500), {"chance": 0.1}), (f.answer(429, retry_after=1), {"chance": 0.05}),
                      (f.slow(200, 0.002), {"chance": 0.1})):
        faults.rule(act, path=MAPS, **more)
    end = time.monotonic() + 10
    sent = 0
    while time.monotonic() < end:
        name = f"m{dice.randrange(12)}"
        there = cluster.admin.find(path(namespace, name))
        what = dice.random()
        try:
            if what < 0.3:
                faulty("create", MAPS, config_map(name, str(sent)))
                sent += 1
            elif what < 0.45 and there:
                faulty("delete", MAPS, name, there["metadata"]["uid"], "-")
            elif what < 0.6 and there:
                faulty("patch", MAPS, name, {"data": {"v": str(sent)}})
                sent += 1
            elif there and what < 0.8:
                cluster.admin.merge(path(namespace, name), {"data": {"v": str(sent)}})
            elif there:
                cluster.admin.delete(path(namespace, name))
            else:
                cluster.admin.post(path(namespace), config_map(name))
        except Exception:  # somebody else was faster
            pass
        if dice.random() < 0.02:
            faults.cut()
        time.sleep(0.01)
    faults.clear()
    agrees(cluster, namespace, faulty)
    dump = faulty.dump()
    assert dump["synced"] and dump["lists"] >= 1 and dump["watches"] > 3 and sent > 20


# ---- events ----

def test_events_as_kubectl_shows_them(probe, cluster, namespace):
    uid = cluster.admin.post(path(namespace), config_map("thing"))["metadata"]["uid"]
    probe("event", "thing", uid, "TaskCreated", "created Task a", "3")
    probe("event", "thing", uid, "FailedPoll", "no answer \x1b[31m", "1")
    wait_until(lambda: probe.ask("events")["counted"] == 2, "they are written")
    made = {e["reason"]: e for e in cluster.events(namespace)}
    assert made["TaskCreated"]["count"] == 3 and made["TaskCreated"]["type"] == "Normal"
    assert made["FailedPoll"]["type"] == "Warning" and "\x1b" not in made["FailedPoll"]["message"]
    shown = cluster.kubectl("-n", namespace, "describe", "configmap", "thing").stdout
    assert re.search(r"Normal +TaskCreated +\S+ \(x3 over \S+\) +alertspawner +created Task a", shown), shown
    assert re.search(r"Warning +FailedPoll +\S+ +alertspawner +no answer", shown), shown
    assert made["TaskCreated"]["source"] == {"component": "alertspawner"}


def test_many_events_become_few(probe, cluster, namespace):
    probe("event", "a", "u-1", "TaskCreated", "created Task #", "200")  # 200 different notes
    wait_until(lambda: sum(probe.ask("events")[k] for k in ("created", "counted", "dropped")) == 200, "all are dealt with")
    made = cluster.events(namespace)
    # as client-go: ten by themselves, the others combined, and no more than 25 writes for one object
    combined = [e for e in made if e["message"].startswith("(combined from similar events): ")]
    assert len(made) == 11 and len(combined) == 1 and combined[0]["count"] == 15
    assert probe.ask("events")["dropped"] == 175
    # the one to raise is gone on the server: a new one is made
    probe("event", "b", "u-2", "Suspended", "asleep", "1")
    wait_until(lambda: probe.ask("events")["created"] == 12, "it is written")
    name = next(e for e in cluster.events(namespace) if e["reason"] == "Suspended")["metadata"]["name"]
    cluster.admin.delete(f"/api/v1/namespaces/{namespace}/events/{name}")
    probe("event", "b", "u-2", "Suspended", "asleep", "2")
    wait_until(lambda: any(e["reason"] == "Suspended" and e["count"] == 2 for e in cluster.events(namespace)), "anew")
