"""What deploy/ lets the engine do: what docs/operating.md says, and nothing else."""
import re

import pytest
import yaml

import cluster as kube

DEPLOY = kube.DEPLOY
OPERATING = DEPLOY.parent / "docs" / "operating.md"

# What Kubernetes lets every ServiceAccount do.
EVERYBODY = {("create", "selfsubjectaccessreviews.authorization.k8s.io"), ("create", "selfsubjectrulesreviews.authorization.k8s.io"),
             ("create", "selfsubjectreviews.authentication.k8s.io")}
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]


def granted(documents):
    """{(verb, "resource.group")} of Roles"""
    rules = [rule for d in documents if d and d["kind"] in ("Role", "ClusterRole") for rule in d["rules"]]
    assert not any("*" in value for rule in rules for values in rule.values() for value in values), "no wildcards"
    return {(verb, resource_name(resource, group)) for rule in rules for group in rule["apiGroups"]
            for resource in rule["resources"] for verb in rule["verbs"]}


def resource_name(resource, group):
    name, _, sub = resource.partition("/")
    return name + ("." + group if group else "") + ("/" + sub if sub else "")


def documents(*names):
    return [d for name in names for d in yaml.safe_load_all((DEPLOY / "base" / name).read_text())]


def table():
    """{(verb, "resource.group")} of the table in docs/operating.md"""
    found = set()
    for group, resource, verbs in re.findall(r"^\| `([^`|]*)` \| `([^`|]+)` \| ([a-z, ]+) \|", OPERATING.read_text(), re.MULTILINE):
        found |= {(verb.strip(), resource_name(resource, "" if group == "core" else group)) for verb in verbs.split(",")}
    return found


def test_the_table_of_the_documentation():
    assert table() == granted(documents("role.yaml", "role_election.yaml"))


def allowed(cluster, user, namespace, verb, resource, group, name=""):
    resource, _, sub = resource.partition("/")
    ns = user.split(":")[2]
    review = cluster.admin.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": user, "groups": ["system:serviceaccounts", f"system:serviceaccounts:{ns}", "system:authenticated"],
            "resourceAttributes": {"namespace": namespace, "verb": verb, "group": group, "resource": resource,
                                   "subresource": sub, "name": name}}})
    return review["status"]["allowed"]


def every_resource(cluster):
    """(resource, group) of everything that the API server has, subresources too."""
    found = [(r["name"], "") for r in cluster.admin.get("/api/v1")["resources"]]
    for group in cluster.admin.get("/apis")["groups"]:
        version = group["preferredVersion"]["groupVersion"]
        found += [(r["name"], group["name"]) for r in cluster.admin.get(f"/apis/{version}")["resources"]]
    return sorted(set(found))


def test_nothing_else_is_allowed(cluster, deployed):
    """Every verb on everything there is: in its own namespace what the Roles say, elsewhere nothing."""
    roles = granted(deployed.objects)
    elsewhere = cluster.namespace("elsewhere")
    resources = every_resource(cluster)
    assert len(resources) > 80 and ("secrets", "") in resources and ("tasks", "kelos.dev") in resources
    can, can_elsewhere = set(), set()
    for resource, group in resources:
        for verb in VERBS:
            # Leases are bound to one name; creating cannot be
            name = "alertspawner" if group == "coordination.k8s.io" and verb in ("get", "update") else ""
            if allowed(cluster, deployed.user, deployed.namespace, verb, resource, group, name):
                can.add((verb, resource_name(resource, group)))
    for resource, group in {(r, g) for r, g in resources if r.partition("/")[0] in
                            ("tasks", "alertspawners", "secrets", "configmaps", "events", "leases", "pods", "taskspawners")}:
        for verb in VERBS:
            if allowed(cluster, deployed.user, elsewhere, verb, resource, group):
                can_elsewhere.add((verb, resource_name(resource, group)))
    assert can - EVERYBODY == roles
    assert can_elsewhere == set()
    assert not allowed(cluster, deployed.user, deployed.namespace, "update", "leases", "coordination.k8s.io", "another")


REFUSED = {
    "list secrets": ("GET", "/api/v1/namespaces/{ns}/secrets"),
    "watch secrets": ("GET", "/api/v1/namespaces/{ns}/secrets?watch=1"),
    "list configmaps": ("GET", "/api/v1/namespaces/{ns}/configmaps"),
    "delete all configmaps": ("DELETE", "/api/v1/namespaces/{ns}/configmaps"),
    "delete pods": ("DELETE", "/api/v1/namespaces/{ns}/pods"),
    "delete a pod": ("DELETE", "/api/v1/namespaces/{ns}/pods/x"),
    "delete all Tasks": ("DELETE", "/apis/kelos.dev/v1alpha2/namespaces/{ns}/tasks"),
    "patch a Task": ("PATCH", "/apis/kelos.dev/v1alpha2/namespaces/{ns}/tasks/x"),
    "a Task's status": ("PATCH", "/apis/kelos.dev/v1alpha2/namespaces/{ns}/tasks/x/status"),
    "change a spawner": ("PATCH", "/apis/alerts.kelos.dev/v1alpha1/namespaces/{ns}/alertspawners/x"),
    "TaskSpawners": ("GET", "/apis/kelos.dev/v1alpha2/namespaces/{ns}/taskspawners"),
    "its own Deployment": ("GET", "/apis/apps/v1/namespaces/{ns}/deployments/alertspawner-engine"),
    "its own Role": ("PATCH", "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/alertspawner"),
    "a token": ("POST", "/api/v1/namespaces/{ns}/serviceaccounts/alertspawner/token"),
    "exec": ("POST", "/api/v1/namespaces/{ns}/pods/x/exec?command=sh"),
    "another's Tasks": ("GET", "/apis/kelos.dev/v1alpha2/namespaces/default/tasks"),
    "everybody's Tasks": ("GET", "/apis/kelos.dev/v1alpha2/tasks"),
    "another's Secret": ("GET", "/api/v1/namespaces/default/secrets/x"),
    "namespaces": ("GET", "/api/v1/namespaces"),
    "nodes": ("GET", "/api/v1/nodes"),
}


@pytest.fixture(scope="module")
def account(cluster, tmp_path_factory):
    made = kube.Deployed(cluster, cluster.namespace("rbac"), tmp_path_factory.mktemp("rbac") / "deploy")
    client = made.client()
    yield made.namespace, client
    client.close()


@pytest.mark.parametrize("what", REFUSED)
def test_refused(account, what):
    """With the token itself, as a thief of it would try."""
    namespace, client = account
    method, path = REFUSED[what]
    with pytest.raises(kube.Status) as refused:
        client.ask(method, path.format(ns=namespace), None if method in ("GET", "DELETE") else {},
                   "application/merge-patch+json" if method == "PATCH" else "application/json")
    assert refused.value.code == 403, refused.value


def test_a_secret_by_name(account, cluster):
    namespace, client = account
    cluster.admin.post(f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "am"}, "stringData": {"a": "b"}})
    assert client.get(f"/api/v1/namespaces/{namespace}/secrets/am")["data"] == {"a": "Yg=="}


def test_cluster_wide(cluster, deploy, namespace):
    """The overlay: the same rights everywhere; the Lease still only at home."""
    made = deploy(namespace, components=["cluster-wide"])
    try:
        assert {o["kind"] for o in made.objects} >= {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
        other = cluster.namespace("other")
        assert granted(made.objects) == granted(documents("role.yaml", "role_election.yaml"))
        for where in (namespace, other, ""):
            assert allowed(cluster, made.user, where, "list", "tasks", "kelos.dev")
            assert allowed(cluster, made.user, where, "get", "secrets", "")
            assert not allowed(cluster, made.user, where, "list", "secrets", "")
        assert not allowed(cluster, made.user, other, "create", "leases", "coordination.k8s.io")
        assert allowed(cluster, made.user, namespace, "create", "leases", "coordination.k8s.io")
    finally:
        cluster.kubectl("delete", "clusterrolebinding,clusterrole", "alertspawner")
