"""Leader election among real processes on a real API server: one leads, always; a clean hand-over is quick; whoever was
stopped past its lease does not act when it wakes up; what the Lease says is what kubectl and client-go would say."""
import os
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

import faults as f
import harness
from harness import parse_moment, wait_until
from probe import Probe

HERE = pathlib.Path(__file__).resolve().parent

LEASE, DEADLINE, RETRY = 3000, 2000, 400  # milliseconds: the proportions of 15, 10 and 2 s, nearly


@pytest.fixture
def candidates(cluster, namespace, tmp_path):
    started = []

    def start(name, server=None):
        p = Probe(cluster.kubeconfig(tmp_path / f"{name}.config", namespace=namespace, server=server))
        p.wait("ready")
        p("lease", "engine", name, str(LEASE), str(DEADLINE), str(RETRY))
        started.append(p)
        return p
    yield start
    for p in started:
        p.go_on()
        if p.process.poll() is None:
            p.close()


def lease(cluster, namespace):
    return cluster.admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/engine")


def may(p):
    return p.ask("may")["act"]


def test_one_leads_and_hands_over(candidates, cluster, namespace):
    a = candidates("a")
    a.wait("leader", leads=True, holder="a")
    spec = lease(cluster, namespace)["spec"]
    assert spec["holderIdentity"] == "a" and spec["leaseDurationSeconds"] == LEASE // 1000 and spec["leaseTransitions"] == 0
    b = candidates("b")
    b.wait("leader", leads=False, holder="a")
    assert may(a) and not may(b)
    acquired, renewed = spec["acquireTime"], spec["renewTime"]
    wait_until(lambda: lease(cluster, namespace)["spec"]["renewTime"] > renewed, "it is renewed")
    assert lease(cluster, namespace)["spec"]["acquireTime"] == acquired
    time.sleep(LEASE / 1000 * 1.5)
    assert may(a) and not may(b)
    start = time.monotonic()
    a("release")
    a.wait("released")
    assert not may(a)
    b.wait("leader", leads=True, holder="b")
    assert time.monotonic() - start < LEASE / 1000, "a release must not cost a whole lease"
    spec = lease(cluster, namespace)["spec"]
    assert spec["leaseTransitions"] == 1 and parse_moment(spec["acquireTime"]) > parse_moment(acquired)


def test_a_killed_leader_is_followed(candidates, cluster, namespace):
    a = candidates("a")
    a.wait("leader", leads=True)
    b = candidates("b")
    b.wait("leader", holder="a")
    start = time.monotonic()
    a.kill()
    b.wait("leader", leads=True)
    waited = time.monotonic() - start
    assert waited > (LEASE - RETRY * 2.2 - 500) / 1000, "the lease must run out first"
    assert lease(cluster, namespace)["spec"]["leaseTransitions"] == 1


def test_a_stopped_leader_does_not_act_when_it_wakes(candidates):
    a = candidates("a")
    a.wait("leader", leads=True)
    b = candidates("b")
    b.wait("leader", holder="a")
    a("may")  # the answer to a question that is asked while it sleeps comes first thing when it wakes
    assert a.wait("may")["act"]
    a.stop()
    for _ in range(3):
        a("may")
    b.wait("leader", leads=True)
    a.go_on()
    for _ in range(3):
        assert a.wait("may")["act"] is False
    a.wait("leader", leads=False)
    assert may(b) and not may(a)


def test_a_leader_that_is_cut_off_gives_up_before_another_takes_over(candidates, faults, cluster, namespace):
    a = candidates("a", server=faults.url)
    a.wait("leader", leads=True)
    b = candidates("b")
    b.wait("leader", holder="a")
    faults.down()
    a.wait("leader", leads=False)
    given_up = time.monotonic()
    assert not may(a)
    b.wait("leader", leads=True)
    assert time.monotonic() >= given_up
    faults.up()
    a.wait("leader", leads=False, holder="b")
    assert not may(a) and may(b)


def test_a_leader_survives_faults(candidates, faults, cluster, namespace):
    for act, chance in ((f.reset_before(), 0.15), (f.reset_after(), 0.15), (f.answer(500), 0.1), (f.answer(409), 0.05)):
        faults.rule(act, path="leases", chance=chance)
    a = candidates("a", server=faults.url)
    a.wait("leader", leads=True)
    end = time.monotonic() + 8
    kept = []
    while time.monotonic() < end:
        kept.append(may(a))
        time.sleep(0.1)
    assert sum(kept) > 0.8 * len(kept), kept
    assert lease(cluster, namespace)["spec"]["holderIdentity"] == "a"


def test_there_is_never_more_than_one(candidates, faults, cluster, namespace):
    """Five candidates, some behind a bad network, some stopped now and then: at every moment at most one may act."""
    faults.rule(f.answer(500), path="leases", chance=0.2)
    faults.rule(f.delay(0.5), path="leases", chance=0.1)
    probes = [candidates(f"c{i}", server=faults.url if i % 2 else None) for i in range(5)]
    stopped, end, led = None, time.monotonic() + 20, set()
    while time.monotonic() < end:
        awake = [p for p in probes if p is not stopped]
        for p in awake:
            p("may")
        may_act = [i for i, p in enumerate(probes) if p is not stopped and p.wait("may")["act"]]
        assert len(may_act) <= 1, may_act
        led.update(may_act)
        if stopped is None and may_act and time.monotonic() % 5 < 1:
            stopped = probes[may_act[0]]
            stopped.stop()
            since = time.monotonic()
        elif stopped is not None and time.monotonic() - since > LEASE / 1000 * 1.5:
            stopped.go_on()
            stopped = None
        time.sleep(0.05)
    assert len(led) >= 2


# ---- beside client-go's own election (oracle/) ----

@pytest.fixture(scope="session")
def client_go():
    """The oracle, built once; a Go of 1.24 or newer is needed."""
    build = HERE.parent.parent / "build" / "kube"
    program = build / "lease-oracle"
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not program.exists():
        build.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run([go, "build", "-mod=readonly", "-o", program, "."], cwd=HERE / "oracle", check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"})
        except OSError as why:
            pytest.skip(f"no Go here: {why}")
        if done.returncode != 0:
            pytest.skip(f"client-go cannot be built here: {done.stdout.strip().splitlines()[-1]}")
    return program


class Oracle:
    """A candidate that is client-go."""

    def __init__(self, program, config, namespace, name):
        self.process = subprocess.Popen([program, config, namespace, "engine", name, str(LEASE), str(DEADLINE), str(RETRY)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(line.strip() for line in self.process.stdout), daemon=True).start()

    def said(self, line):
        return line in self.lines

    def release(self):
        self.process.stdin.close()
        self.process.wait(harness.PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def theirs(client_go, cluster, namespace, tmp_path):
    started = []

    def start(name):
        started.append(Oracle(client_go, cluster.kubeconfig(tmp_path / f"{name}.theirs"), namespace, name))
        return started[-1]
    yield start
    for o in started:
        o.close()


def test_client_go_and_we_share_a_lease(candidates, theirs, cluster, namespace):
    a = candidates("ours")
    a.wait("leader", leads=True)
    go = theirs("go")
    wait_until(lambda: go.said("holder ours"), "client-go sees that we lead")
    time.sleep(LEASE / 1000 * 1.5)
    assert not go.said("leads") and may(a)
    a("release")
    a.wait("released")
    start = time.monotonic()
    wait_until(lambda: go.said("leads"), "client-go takes what we released")
    assert time.monotonic() - start < LEASE / 1000
    b = candidates("ours-2")
    b.wait("leader", leads=False, holder="go")
    time.sleep(LEASE / 1000 * 1.5)
    assert not may(b)
    go.release()
    b.wait("leader", leads=True)
    spec = lease(cluster, namespace)["spec"]
    assert spec["leaseTransitions"] == 2 and spec["holderIdentity"] == "ours-2"
    # and without a release: each waits for the other's lease to run out
    dead = theirs("go-2")
    wait_until(lambda: dead.said("holder ours-2"), "it stands by")
    b.kill()
    wait_until(lambda: dead.said("leads"), "client-go takes over")
    c = candidates("ours-3")
    c.wait("leader", holder="go-2")
    dead.close()
    c.wait("leader", leads=True)
    assert lease(cluster, namespace)["spec"]["leaseTransitions"] == 4


def test_released_leases_look_the_same(candidates, theirs, cluster, namespace):
    go = theirs("go")
    wait_until(lambda: go.said("leads"), "it leads")
    held = lease(cluster, namespace)["spec"]
    go.release()
    released = lease(cluster, namespace)["spec"]
    a = candidates("ours")
    a.wait("leader", leads=True)
    assert sorted(lease(cluster, namespace)["spec"]) == sorted(held)
    a("release")
    a.wait("released")
    ours = lease(cluster, namespace)["spec"]
    same = ("holderIdentity", "leaseDurationSeconds")
    assert sorted(ours) == sorted(released) and [ours.get(k) for k in same] == [released.get(k) for k in same]
