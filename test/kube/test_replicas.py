"""Several replicas of the whole engine, with the rights that deploy/ gives them: one acts, and whatever becomes of it every
alert has one Task. Lease times are the real ones, so a change of leader takes up to 20 seconds."""
import collections
import re
import time
import urllib.error
import urllib.request

import pytest

import harness
from engine import alert_spawner, annotation
from harness import Engine, wait_until

OURS = "/apis/alerts.kelos.dev/v1alpha1/namespaces/{}/alertspawners"


class Replicas:
    def __init__(self, cluster, deployed, tmp_path):
        self.cluster, self.deployed, self.ns, self.directory = cluster, deployed, deployed.namespace, tmp_path
        self.engines = []

    def start(self, name, server=None):
        """A Run with .url, where it listens."""
        engine = Engine(self.directory / name)
        self.engines.append(engine)
        config = self.deployed.kubeconfig(engine.directory / "kubeconfig", **({"server": server} if server else {}))
        run = engine.start("run", "--store", "kube", "--kubeconfig", config, "--listen", "127.0.0.1:0")
        run.url = wait_until(lambda: (re.search(r"(http://\S+)/metrics", run.stderr) or [None, None])[1], "it listens")
        return run

    def close(self):
        for engine in self.engines:
            engine.close()

    def ask(self, run, path):
        try:
            with urllib.request.urlopen(run.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def leads(self, run):
        return re.search(r"^alertspawner_leader (\d)", self.ask(run, "/metrics")[1], re.M)[1] == "1"

    def put(self, document):
        self.cluster.admin.post(OURS.format(self.ns) + "?fieldValidation=Strict", document)

    def status(self, name):
        return self.cluster.admin.get(f"{OURS.format(self.ns)}/{name}").get("status", {})

    def holder(self):
        lease = self.cluster.admin.find(f"/apis/coordination.k8s.io/v1/namespaces/{self.ns}/leases/alertspawner")
        return lease and lease["spec"]["holderIdentity"]

    def one_task_each(self, am):
        """Every alert that fires has one Task, and no Task was ever created twice."""
        firing = set(am.alerts())
        tasks = self.cluster.tasks(self.ns).values()
        of = collections.Counter(annotation(t, "fingerprint") for t in tasks)
        return set(of) == firing and max(of.values()) == 1

    def creations(self):
        return sum(n for (verb, what, _, code), n in self.cluster.audit(self.deployed.user).items()
                   if verb == "create" and what == "tasks.kelos.dev" and code == 201)


@pytest.fixture
def replicas(cluster, deployed, tmp_path):
    r = Replicas(cluster, deployed, tmp_path)
    yield r
    r.close()


def fire(am, n, since=0):
    am.ask("POST", "/alerts", [{"labels": {"alertname": "Disk", "pod": f"p{i}"}, "annotations": {},
                                "startsAt": harness.moment(-60), "endsAt": harness.moment(3600)}
                               for i in range(since, since + n)])


def test_hand_over(replicas, am):
    replicas.put(alert_spawner("disks", am.url))
    fire(am, 5)
    a = replicas.start("a")
    wait_until(lambda: replicas.one_task_each(am), "the leader makes Tasks")
    assert replicas.leads(a)
    b = replicas.start("b")
    wait_until(lambda: replicas.ask(b, "/readyz")[0] == 200, "who stands by is ready")
    ready = replicas.ask(b, "/readyz")[1]
    assert re.search(r"standing by: \S+ leads \(Lease \S+/alertspawner\)", ready), ready
    assert not replicas.leads(b) and replicas.leads(a)
    assert "this replica leads" in replicas.ask(a, "/readyz")[1]
    polls = replicas.status("disks")["completedPolls"]
    start = time.monotonic()
    code, took = a.terminate()
    assert code == 0 and took < 10
    wait_until(lambda: replicas.leads(b), "the other leads")
    assert time.monotonic() - start < 12, "a clean hand-over does not wait for the Lease to run out"
    fire(am, 5, since=5)
    wait_until(lambda: replicas.one_task_each(am), "it makes Tasks")
    wait_until(lambda: replicas.status("disks").get("totalTasksCreated") == 10, "the counter goes on")
    assert replicas.status("disks")["completedPolls"] > polls
    code, _ = b.terminate()
    assert code == 0 and replicas.holder() == ""
    assert replicas.creations() == 10
    for run in (a, b):
        assert "ERROR" not in run.stderr and "AddressSanitizer" not in run.stderr, run.stderr


def test_a_leader_that_sleeps_past_its_lease(replicas, am):
    """It is stopped in the middle of a storm and wakes when another leads."""
    replicas.put(alert_spawner("disks", am.url))
    a = replicas.start("a")
    wait_until(lambda: replicas.leads(a), "it leads")
    b = replicas.start("b")
    fire(am, 150)
    wait_until(lambda: len(replicas.cluster.tasks(replicas.ns)) > 10, "some Tasks are made")
    a.process.send_signal(harness.signal.SIGSTOP)
    made = len(replicas.cluster.tasks(replicas.ns))
    assert made < 150, "it was too quick: nothing is tested"
    wait_until(lambda: replicas.leads(b), "the other leads")
    a.process.send_signal(harness.signal.SIGCONT)
    wait_until(lambda: replicas.one_task_each(am), "every alert has its Task")
    wait_until(lambda: not replicas.leads(a), "the sleeper has noticed")
    assert replicas.leads(b)
    wait_until(lambda: replicas.status("disks").get("totalTasksCreated") == 150, "the counter is right")
    assert replicas.creations() == 150
    assert "does not lead any more" in a.stderr
    # and it can lead again
    b.kill()
    wait_until(lambda: replicas.leads(a), "it takes over")
    fire(am, 5, since=150)
    wait_until(lambda: replicas.one_task_each(am), "it makes Tasks")
    wait_until(lambda: replicas.status("disks").get("totalTasksCreated") == 155, "and counts")


def test_a_leader_that_is_cut_off(replicas, am, faults):
    """It sees Alertmanager, but not the API server; the other sees both."""
    replicas.put(alert_spawner("disks", am.url))
    a = replicas.start("a", server=faults.url)
    wait_until(lambda: replicas.leads(a), "it leads")
    b = replicas.start("b")
    wait_until(lambda: "standing by" in b.stderr, "the other stands by")
    faults.down()
    fire(am, 5)
    both = 0
    end = time.monotonic() + 60
    while not replicas.leads(b):
        both += replicas.leads(a) and replicas.leads(b)
        assert time.monotonic() < end
        time.sleep(0.1)
    assert both == 0 and not replicas.leads(a)
    wait_until(lambda: replicas.one_task_each(am), "every alert has its Task")
    assert replicas.ask(a, "/readyz")[0] == 503
    faults.up()
    wait_until(lambda: replicas.ask(a, "/readyz")[0] == 200, "it stands by")
    time.sleep(6)  # a poll interval
    assert replicas.creations() == 5 and replicas.leads(b) and not replicas.leads(a)


def test_without_the_right_to_the_lease_nothing_is_done(replicas, am, cluster):
    cluster.kubectl("-n", replicas.ns, "delete", "rolebinding", "alertspawner-election")
    replicas.put(alert_spawner("disks", am.url))
    fire(am, 1)
    a = replicas.start("a")
    wait_until(lambda: "cannot get resource \"leases\"" in replicas.ask(a, "/readyz")[1], "it says so")
    assert replicas.ask(a, "/readyz")[0] == 503 and replicas.ask(a, "/healthz")[0] == 200
    time.sleep(6)
    assert cluster.tasks(replicas.ns) == {} and not replicas.leads(a)
