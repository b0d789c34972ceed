"""alertspawner against the cluster, with no more than a ServiceAccount's token."""
import base64
import gzip
import json

import harness

KELOS = "/apis/kelos.dev/v1alpha2/namespaces/{}/{}"
OURS = "/apis/alerts.kelos.dev/v1alpha1/namespaces/{}/alertspawners"

# What core/tasks/kube and core/cli/cluster.c ask, and nothing else.
RULES = [
    {"apiGroups": ["kelos.dev"], "resources": ["tasks"], "verbs": ["get", "list", "watch", "create", "delete"]},
    {"apiGroups": ["alerts.kelos.dev"], "resources": ["alertspawners"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["alerts.kelos.dev"], "resources": ["alertspawners/status"], "verbs": ["get", "patch"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "update", "delete"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
]
TAKING = [
    {"apiGroups": ["kelos.dev"], "resources": ["taskspawners"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["kelos.dev"], "resources": ["taskspawners/status"], "verbs": ["get", "patch"]},
]


def account(cluster, namespace, rules=RULES, name="alertspawner"):
    """A ServiceAccount with a Role of these rules."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    cluster.service_account(namespace, name)
    cluster.admin.post(f"{rbac}/roles", {"metadata": {"name": name}, "rules": rules})
    cluster.admin.post(f"{rbac}/rolebindings", {
        "metadata": {"name": name}, "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}})
    return name


def alert_spawner(name, url, when=None, template=None, annotations=None, **spec):
    document = harness.spawner(name, url, {"pollInterval": "5s", **(when or {})}, template, annotations, **spec)
    return {**document, "apiVersion": "alerts.kelos.dev/v1alpha1", "kind": "AlertSpawner"}


class InCluster:
    """alertspawner with --store kube, as that ServiceAccount (None: as the admin)."""

    def __init__(self, engine, cluster, namespace, rules=RULES, server=None):
        self.engine, self.cluster, self.ns = engine, cluster, namespace
        token = None
        if rules is not None:
            self.account = account(cluster, namespace, rules)
            token = cluster.token(namespace, self.account)
        self.config = cluster.kubeconfig(engine.directory / "kubeconfig", token=token, namespace=namespace, server=server)
        self.args = ["--store", "kube", "--kubeconfig", self.config]

    def __call__(self, verb, *args, **more):
        return self.engine(verb, *self.args, *args, **more)

    def start(self, *args):
        return self.engine.start("run", *self.args, "--listen", "none", "--lease", "none", *args)

    def decisions(self, verb, *args, code=0):
        return self.engine.decisions(verb, *self.args, *args, code=code)

    # -- what is there

    def tasks(self):
        return self.cluster.tasks(self.ns)

    def put(self, document):
        """Creates the spawner, or gives it this spec."""
        path = OURS.format(self.ns)
        there = self.cluster.admin.find(f"{path}/{document['metadata']['name']}")
        if there is None:
            return self.cluster.admin.post(path + "?fieldValidation=Strict", document)
        return self.cluster.admin.put(f"{path}/{document['metadata']['name']}",
                                      {**there, "spec": document["spec"], "metadata": {
                                          **there["metadata"], "annotations": document["metadata"].get("annotations", {})}})

    def spawner(self, name):
        return self.cluster.admin.get(f"{OURS.format(self.ns)}/{name}")

    def status(self, name):
        return self.spawner(name).get("status", {})

    def condition(self, name, kind):
        return {c["type"]: c for c in self.status(name).get("conditions", [])}.get(kind)

    def map(self, name):
        return self.cluster.admin.find(f"/api/v1/namespaces/{self.ns}/configmaps/alertspawner-{name}")

    def memory(self, name):
        """The lines of its ConfigMap: {first field: [fields]}"""
        lines = {}
        text = gzip.decompress(base64.b64decode(self.map(name)["binaryData"]["memory.gz"])).decode()
        for line in text.splitlines():
            fields = line.split("\t")
            lines.setdefault(fields[0], []).append(fields[1:])
        return lines

    def events(self, reason=None):
        return [e for e in self.cluster.events(self.ns) if reason in (None, e["reason"])]

    def delete(self, task, **options):
        return self.cluster.admin.delete(f"{KELOS.format(self.ns, 'tasks')}/{task}", options or None)

    def patch(self, task, change):
        return self.cluster.admin.merge(f"{KELOS.format(self.ns, 'tasks')}/{task}", change)


def names(tasks):
    return sorted(tasks)


def annotation(task, key):
    return task["metadata"]["annotations"].get("alerts.kelos.dev/" + key)


def pretty(value):
    return json.dumps(value, indent=1)
