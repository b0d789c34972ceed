"""deploy/ is applied to a real API server, strictly, in every form it has; and what it says is consistent."""
import copy
import os

import pytest
import yaml

import cluster as kube

DEPLOY = kube.DEPLOY
POLICIES = DEPLOY.parent / "policies"


def objects(cluster, directory):
    """{(kind, name): object}, as kustomize makes them."""
    listed = [o for o in yaml.safe_load_all(cluster.kubectl("kustomize", directory).stdout) if o]
    return {(o["kind"], o["metadata"]["name"]): o for o in listed}


def monitoring_kind(plural, kind, spec):
    """Just enough of the Prometheus operator's kinds to know what we write from what we mistype."""
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.monitoring.coreos.com"},
            "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
                     "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": kind + "List"},
                     "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                         "type": "object", "required": ["spec"], "properties": {"spec": spec}}}}]}}


TEXT, TEXTS = {"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}


def thing(**properties):
    return {"type": "object", "properties": properties}


def things(**properties):
    return {"type": "array", "items": thing(**properties)}


@pytest.fixture(scope="module")
def operator(cluster):
    """The kinds of the Prometheus operator."""
    cluster.define(monitoring_kind("podmonitors", "PodMonitor", thing(
        selector=thing(matchLabels=TEXTS), podMetricsEndpoints=things(
            port=TEXT, path=TEXT, interval=TEXT, honorLabels={"type": "boolean"}))))
    cluster.define(monitoring_kind("prometheusrules", "PrometheusRule", thing(groups=things(
        name=TEXT, rules=things(**{"alert": TEXT, "expr": TEXT, "for": TEXT, "labels": TEXTS, "annotations": TEXTS})))))


def test_apply(cluster):
    """As README says it, in an empty cluster; again, and as the server's own kind of apply, nothing changes."""
    done = cluster.kubectl("apply", "--validate=strict", "-k", DEPLOY)
    assert "deployment.apps/alertspawner-engine created" in done.stdout
    assert "warning" not in done.stderr.lower() or "last-applied-configuration" in done.stderr, done.stderr
    path = "/apis/apps/v1/namespaces/alertspawner/deployments/alertspawner-engine"
    before = cluster.admin.get(path)["spec"]
    cluster.kubectl("apply", "--validate=strict", "-k", DEPLOY)
    cluster.kubectl("apply", "--server-side", "--validate=strict", "-k", DEPLOY)
    assert cluster.kubectl("diff", "--server-side", "-k", DEPLOY).stdout == ""
    assert cluster.admin.get(path)["spec"] == before


@pytest.mark.parametrize("overlay", ["overlays/monitoring", "overlays/cluster-wide"])
def test_overlays(cluster, operator, overlay):
    done = cluster.kubectl("apply", "--server-side", "--validate=strict", "-k", DEPLOY / overlay)
    assert "deployment.apps/alertspawner-engine serverside-applied" in done.stdout
    cluster.kubectl("delete", "clusterrolebinding,clusterrole", "alertspawner", "--ignore-not-found")


def test_all_components_together(cluster, operator, deploy, namespace):
    made = deploy(namespace, components=["monitoring", "cluster-wide", "take-taskspawners"])
    by_kind = {o["kind"]: o for o in made.objects}
    args = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[-2:] == ["--all-namespaces", "--take-taskspawners"]
    rules = by_kind["ClusterRole"]["rules"]
    assert {"apiGroups": ["kelos.dev"], "resources": ["taskspawners"], "verbs": ["get", "list", "watch"]} in rules
    assert {"PodMonitor", "PrometheusRule", "ClusterRoleBinding"} <= set(by_kind)
    cluster.kubectl("delete", "clusterrolebinding,clusterrole", "alertspawner")


def test_another_namespace(deployed):
    """An overlay's `namespace` moves everything, the subjects of bindings too."""
    assert len(deployed.objects) >= 9
    for o in deployed.objects:
        where = o["metadata"]["name"] if o["kind"] == "Namespace" else o["metadata"].get("namespace")
        assert where == deployed.namespace, o["metadata"]
        for subject in o.get("subjects", []):
            assert subject["namespace"] == deployed.namespace


def test_who_belongs_to_whom(cluster):
    """Selectors, ports and mounts name what is there."""
    every = objects(cluster, DEPLOY / "overlays" / "monitoring")
    deployment = every["Deployment", "alertspawner-engine"]
    template = deployment["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    container, = pod["containers"]
    selectors = [deployment["spec"]["selector"], every["PodDisruptionBudget", "alertspawner-engine"]["spec"]["selector"],
                 every["NetworkPolicy", "alertspawner-engine"]["spec"]["podSelector"],
                 every["PodMonitor", "alertspawner"]["spec"]["selector"],
                 *[t["labelSelector"] for t in pod["topologySpreadConstraints"]]]
    for selector in selectors:
        assert selector["matchLabels"].items() <= labels.items(), selector
    # Kelos' controller deletes a Deployment with this selector when a TaskSpawner has its name
    assert "app.kubernetes.io/component" not in deployment["spec"]["selector"]["matchLabels"]
    ports = {p["name"] for p in container["ports"]}
    used = [container["livenessProbe"]["httpGet"]["port"], container["readinessProbe"]["httpGet"]["port"],
            every["NetworkPolicy", "alertspawner-engine"]["spec"]["ingress"][0]["ports"][0]["port"],
            every["PodMonitor", "alertspawner"]["spec"]["podMetricsEndpoints"][0]["port"]]
    assert set(used) == ports
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert ("ServiceAccount", pod["serviceAccountName"]) in every
    assert ("ConfigMap", "alertspawner-policies") in every
    assert deployment["spec"]["replicas"] == 2
    assert every["PodDisruptionBudget", "alertspawner-engine"]["spec"]["minAvailable"] < deployment["spec"]["replicas"]
    for kind, name in every:
        assert kind not in ("Secret", "ClusterRole", "ClusterRoleBinding"), (kind, name)


def test_policies(cluster, engine, tmp_path):
    """The ConfigMap holds the ready-made policies, and what it holds serves."""
    data = objects(cluster, DEPLOY)["ConfigMap", "alertspawner-policies"]["data"]
    assert set(data) == {p.name for p in POLICIES.glob("*.lua")} - {"default.lua"}
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for name, text in data.items():
        assert text == (POLICIES / name).read_text()
        (mounted / name).write_text(text)
        assert "\n  match =" not in text, f"{name} would act without being named"
    assert sum(map(len, data.values())) < 1 << 20
    engine("check", "--policies", mounted, code=0)


def test_the_pod_is_restricted(cluster, deployed):
    """PodSecurity's strictest level takes the Pod as it is, and not with any of its guards gone."""
    strict = cluster.namespace("restricted")
    cluster.admin.merge(f"/api/v1/namespaces/{strict}", {"metadata": {"labels": {
        "pod-security.kubernetes.io/enforce": "restricted"}}})
    cluster.service_account(strict, "alertspawner")
    template = next(o for o in deployed.objects if o["kind"] == "Deployment")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "engine"}, "spec": template["spec"]}
    path = f"/api/v1/namespaces/{strict}/pods?dryRun=All&fieldValidation=Strict"
    cluster.admin.post(path, pod)

    def without(*way):
        worse = copy.deepcopy(pod["spec"])
        where = worse
        for step in way[:-1]:
            where = where[step]
        del where[way[-1]]
        return {**pod, "spec": worse}
    for way in (("securityContext", "seccompProfile"), ("securityContext", "runAsNonRoot"),
                ("containers", 0, "securityContext", "allowPrivilegeEscalation"),
                ("containers", 0, "securityContext", "capabilities")):
        with pytest.raises(kube.Status, match="violates PodSecurity"):
            cluster.admin.post(path, without(*way))
    container = template["spec"]["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert template["spec"]["securityContext"]["runAsUser"] == 65532
    assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]


def test_the_image_is_named_once(cluster):
    """The Deployment runs the version that is built here."""
    image = objects(cluster, DEPLOY)["Deployment", "alertspawner-engine"]["spec"]["template"]["spec"]["containers"][0]["image"]
    version = os.popen(f"{os.environ['ALERTSPAWNER']} version").read().strip()
    assert image == f"alertspawner:{version}"
