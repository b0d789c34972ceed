"""Leader election among real processes on a real API server: one leads, always; a clean hand-over is quick; whoever was
stopped past its lease does not act when it wakes up; what the Lease says is what kubectl and client-go would say."""
import time

import pytest

import faults as f
from harness import parse_moment, wait_until
from probe import Probe

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
