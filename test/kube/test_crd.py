"""deploy/crd against the engine's own check of documents: what one takes the other takes, and for the same reasons."""
import copy
import json
import os
import subprocess

import pytest
import yaml

import cluster as kube
import harness

DEPLOY = kube.DEPLOY
CRD = yaml.safe_load((DEPLOY / "crd" / "alertspawners.yaml").read_text())
VERSION = CRD["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
PATH = "/apis/alerts.kelos.dev/v1alpha1/namespaces/{}/alertspawners"


def engine_fields():
    return json.loads(subprocess.run([os.environ["FIELDS_PRINT"]], stdout=subprocess.PIPE, check=True).stdout)


def compare(path, field, schema, differences):
    """One member: as the engine's tables have it, and as the CRD has it."""
    def differ(what, ours, theirs):
        if ours != theirs:
            differences.append(f"{path}: {what}: engine {ours!r}, CRD {theirs!r}")
    kind = schema.get("type")
    if field["container"] == "list":
        differ("type", "array", kind)
        differ("may be empty", not field["nonempty"], schema.get("minItems", 0) == 0)
        if "max_items" in field:
            differ("maxItems", field["max_items"], schema.get("maxItems"))
        schema = schema["items"]
    elif field["container"] == "map":
        differ("type", "object", kind)
        schema = schema["additionalProperties"]
    elif field["shape"] == "string":
        if field["nonempty"]:
            differ("may be empty", False, schema.get("minLength", 0) == 0 and "pattern" not in schema)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return  # checked by the engine alone, and said so in the CRD
    types = {"string": "string", "boolean": "boolean", "int32": "integer", "int64": "integer", "object": "object"}
    if field["shape"] in ("quantity", "int-or-string"):
        differ("int or string", True, schema.get("x-kubernetes-int-or-string"))
    else:
        differ("type", types[field["shape"]], schema.get("type"))
    if field["shape"] in ("int32", "int64") and "maximum" not in schema:
        differ("format", field["shape"], schema.get("format"))
    differ("minimum", field.get("min"), schema.get("minimum"))
    differ("choices", sorted(field["choices"].split("|")) if "choices" in field else None,
           sorted(schema["enum"]) if "enum" in schema else None)
    if field["shape"] == "object":
        compare_all(path, field["fields"], schema, differences)


def compare_all(path, fields, schema, differences):
    ours = {name for name, f in fields.items() if not f["refused"]}
    theirs = set(schema.get("properties", {})) - {"contextSources"}
    if ours != theirs:
        differences.append(f"{path}: only the engine knows {sorted(ours - theirs)}, only the CRD {sorted(theirs - ours)}")
    required = {name for name, f in fields.items() if f["required"]}
    if required != set(schema.get("required", [])):
        differences.append(f"{path}: required: engine {sorted(required)}, CRD {schema.get('required')}")
    for name in sorted(ours & theirs):
        compare(f"{path}.{name}", fields[name], schema["properties"][name], differences)


def test_the_same_members():
    fields = engine_fields()["spec"]["fields"]
    differences = []
    compare_all("spec", fields, SCHEMA["properties"]["spec"], differences)
    assert differences == []
    # ... and the comparison is one: a member less, a choice less, a limit more are all noticed
    broken = copy.deepcopy(SCHEMA["properties"]["spec"])
    template = broken["properties"]["taskTemplate"]["properties"]
    del template["worker"]["properties"]["effort"]
    template["type"] = {"type": "string", "enum": ["codex", ""]}
    broken["properties"]["maxConcurrency"]["minimum"] = 1
    broken["required"] = ["when"]
    differences = []
    compare_all("spec", fields, broken, differences)
    assert len(differences) == 4, differences


def test_every_member_is_described():
    def walk(path, schema):
        if path not in ("", ".metadata"):
            assert schema.get("description", "").endswith("."), f"{path} has no description, or no sentence"
        for name, inner in schema.get("properties", {}).items():
            walk(f"{path}.{name}", inner)
        for inner in (schema.get("items"), schema.get("additionalProperties")):
            for name, deeper in (inner or {}).get("properties", {}).items():
                walk(f"{path}[].{name}", deeper)
    walk("", SCHEMA)


def document(name="a", spec=None, **changes):
    made = copy.deepcopy(harness.spawner(name, "http://alertmanager.monitoring:9093"))
    made.update(apiVersion="alerts.kelos.dev/v1alpha1", kind="AlertSpawner")
    made["spec"].update(spec or {})
    for path, value in changes.items():
        put(made["spec"], path.split("__"), value)
    return made


GONE = object()


def put(where, path, value):
    for step in path[:-1]:
        where = where.setdefault(step, {})
    if value is GONE:
        del where[path[-1]]
    else:
        where[path[-1]] = value


URL, TEMPLATE = "when__prometheusAlerts__url", "taskTemplate__"
SOURCE = "when__prometheusAlerts__"
POOL = {"taskTemplate__workerPoolRef": {"name": "p"}, "taskTemplate__type": GONE, "taskTemplate__credentials": GONE}
WORKER = {"taskTemplate__type": GONE, "taskTemplate__credentials": GONE,
          "taskTemplate__worker": {"type": "codex", "credentials": {"type": "none"}}}

TAKEN = {
    "plain": {},
    "https and a path": {URL: "https://am.example.com:443/prefix/alertmanager/"},
    "IPv6": {URL: "http://[::1]:9093"},
    "everything of the source": {SOURCE + "alertNames": ["A", "B"], SOURCE + "labels": {"a": "b"}, SOURCE + "severities": ["c"],
                                 SOURCE + "excludeLabels": {"x": ""}, SOURCE + "priorityLabels": ["severity=critical"],
                                 SOURCE + "pollInterval": "1m30s", SOURCE + "secretRef": {"name": "am.auth"}},
    "seconds": {SOURCE + "pollInterval": "90"},
    "no interval": {SOURCE + "pollInterval": ""},
    "half an hour": {"pollInterval": "0.5h"},
    "five seconds": {"pollInterval": "5000ms"},
    "limits": {"limits": {"perHour": 10, "perDay": 10000, "ramp": 1, "reserve": {"slots": 2}}, "maxConcurrency": 5},
    "empty limits": {"limits": {}},
    "a pool": POOL,
    "a pool with empty members": {**POOL, TEMPLATE + "branch": "", TEMPLATE + "image": "", TEMPLATE + "dependsOn": []},
    "a worker": WORKER,
    "credentials of the spawner": {TEMPLATE + "credentials": GONE, "credentials": [
        {"name": "one", "type": "oauth", "secretRef": {"name": "s"}}]},
    "credentials none": {TEMPLATE + "credentials": {"type": "none"}},
    "metadata": {TEMPLATE + "metadata": {"labels": {"example.com/a": "{{.Title}}", "B_c": "d"}, "annotations": {"x": "y"}}},
    "agentConfigRef": {TEMPLATE + "agentConfigRef": {"name": "a"}},
    "podOverrides": {TEMPLATE + "podOverrides": {
        "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}, "tolerations": [{"key": "a", "operator": "Exists"}],
        "env": [{"name": "A", "value": "b"}], "activeDeadlineSeconds": 60,
        "extraContainers": [{"name": "c", "image": "i"}]}},
    "podFailurePolicy": {TEMPLATE + "podFailurePolicy": {"rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}},
    "ttl 0": {TEMPLATE + "ttlSecondsAfterFinished": 0},
}

# What is wrong, and a piece of the sentence that both say where the sentence is ours.
REFUSED = {
    "no when": ({"when": GONE}, ""),
    "no source": ({"when": {}}, ""),
    "another source": ({"when__cron": {"schedule": "* * * * *"}}, ""),
    "no url": ({URL: GONE}, ""),
    "no scheme": ({URL: "alertmanager:9093"}, "http://"),
    "a user": ({URL: "http://me:secret@am"}, ""),
    "a query": ({URL: "http://am/?a=b"}, ""),
    "a fragment": ({URL: "http://am/#x"}, ""),
    "no host": ({URL: "http://:9093"}, ""),
    "dots": ({URL: "http://../x"}, ""),
    "a blank": ({URL: "http://am/a b"}, ""),
    "a port that is none": ({URL: "http://am:x"}, ""),
    "too often": ({SOURCE + "pollInterval": "4s"}, "5s"),
    "too often, in seconds": ({"pollInterval": "4"}, "5s"),
    "no duration": ({"pollInterval": "soon"}, ""),
    "days": ({"pollInterval": "1d"}, ""),
    "negative": ({"pollInterval": "-5m"}, ""),
    "an empty label": ({SOURCE + "labels": {"": "x"}}, "must not be empty"),
    "labels that are no text": ({SOURCE + "labels": {"silenced": True}}, ""),
    "a Secret's name": ({SOURCE + "secretRef": {"name": "No_Name"}}, ""),
    "no name of a Secret": ({SOURCE + "secretRef": {}}, ""),
    "a typo": ({SOURCE + "alertnames": ["x"]}, "alertnames"),
    "a negative limit": ({"maxConcurrency": -1}, ""),
    "a limit that is no number": ({"maxConcurrency": "3"}, ""),
    "perHour 0": ({"limits": {"perHour": 0}}, ""),
    "perDay 10001": ({"limits": {"perDay": 10001}}, ""),
    "a reserve without slots": ({"limits": {"reserve": {"priority": 3}}, "maxConcurrency": 3}, ""),
    "too many slots": ({"limits": {"reserve": {"slots": 1001}}, "maxConcurrency": 3}, ""),
    "no agent": ({TEMPLATE + "type": GONE}, "either workerPoolRef, worker with type, or type is required"),
    "an unknown agent": ({TEMPLATE + "type": "hal"}, ""),
    "no credentials": ({TEMPLATE + "credentials": GONE},
                       "inline task templates require taskTemplate credentials or spec.credentials"),
    "no secret": ({TEMPLATE + "credentials": {"type": "oauth"}}, "secretRef is required for api-key and oauth"),
    "worker without secret": ({**WORKER, TEMPLATE + "worker": {"type": "codex", "credentials": {"type": "oauth"}}},
                              "credentials.secretRef is required"),
    "worker and type": ({TEMPLATE + "worker": {"type": "codex", "credentials": {"type": "none"}}},
                        "worker is mutually exclusive with legacy type/credentials fields"),
    "pool and type": ({TEMPLATE + "workerPoolRef": {"name": "p"}}, "workerPoolRef is mutually exclusive with inline type"),
    "pool and worker": ({**POOL, TEMPLATE + "worker": {"type": "codex"}},
                        "workerPoolRef is mutually exclusive with inline worker"),
    **{f"pool and {member}": ({**POOL, TEMPLATE + member: value}, f"{member} is not supported with workerPoolRef")
       for member, value in {"image": "i", "workspaceRef": {"name": "w"}, "agentConfigRefs": [{"name": "a"}],
                             "dependsOn": ["t"], "branch": "b", "ttlSecondsAfterFinished": 0, "podOverrides": {"env": []},
                             "podFailurePolicy": {"rules": []}}.items()},
    "pool and agentConfigRef": ({**POOL, TEMPLATE + "agentConfigRef": {"name": "a"}}, "agentConfigRefs is not supported"),
    "two kinds of agent configuration": ({TEMPLATE + "agentConfigRef": {"name": "a"}, TEMPLATE + "agentConfigRefs": [{"name": "b"}]},
                                         "agentConfigRef and agentConfigRefs are mutually exclusive"),
    "both kinds of credentials": ({"credentials": [{"name": "one", "type": "oauth", "secretRef": {"name": "s"}}]},
                                  "spec.credentials is mutually exclusive"),
    "no credentials in the pool": ({TEMPLATE + "credentials": GONE, "credentials": []}, ""),
    "credentials twice": ({TEMPLATE + "credentials": GONE, "credentials": [
        {"name": "one", "type": "oauth", "secretRef": {"name": "s"}}] * 2}, ""),
    "a pool's type none": ({TEMPLATE + "credentials": GONE, "credentials": [
        {"name": "one", "type": "none", "secretRef": {"name": "s"}}]}, ""),
    "contextSources": ({TEMPLATE + "contextSources": [{"name": "a"}]}, "contextSources are not supported"),
    "FailIndex": ({TEMPLATE + "podFailurePolicy": {"rules": [{"action": "FailIndex"}]}},
                  "podFailurePolicy.rules[].action FailIndex is not supported for Task Jobs"),
    "a label's key": ({TEMPLATE + "metadata": {"labels": {"no key!": "x"}}}, ""),
    "ttl -1": ({TEMPLATE + "ttlSecondsAfterFinished": -1}, ""),
    "nine containers": ({TEMPLATE + "podOverrides": {"extraContainers": [{"name": f"c{i}"} for i in range(9)]}}, ""),
    "a typo in podOverrides": ({TEMPLATE + "podOverrides": {"nodeselector": {}}}, "nodeselector"),
}


def verdicts(cluster, engine, made):
    """What the API server says, and what the engine says: "" when it is taken."""
    try:
        cluster.admin.post(PATH.format("default") + "?dryRun=All&fieldValidation=Strict", made)
        server = ""
    except kube.Status as refused:
        assert refused.code in (400, 422), refused
        server = str(refused)
    done = engine("check", "-f", "-", stdin=json.dumps(made))
    assert done.returncode in (0, 1), done.stderr
    return server, "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("case", TAKEN)
def test_both_take(cluster, engine, case):
    assert verdicts(cluster, engine, document(**TAKEN[case])) == ("", "")


@pytest.mark.parametrize("case", REFUSED)
def test_both_refuse(cluster, engine, case):
    changes, sentence = REFUSED[case]
    server, ours = verdicts(cluster, engine, document(**changes))
    assert server and ours, f"API server: {server or 'taken'}\nengine: {ours or 'taken'}"
    assert sentence in server and sentence in ours, f"{server}\n{ours}"


@pytest.mark.parametrize("name", ["x" * 64, "A", "a_b"])
def test_both_refuse_names(cluster, engine, name):
    server, ours = verdicts(cluster, engine, document(name=name))
    assert server and ours


def test_a_long_name_is_taken(cluster, engine):
    assert verdicts(cluster, engine, document(name="x" * 63)) == ("", "")


def test_the_examples_of_the_proposal(cluster, engine):
    """Under our kind they are taken as they stand, and what the API server hands out is taken by the engine."""
    for example in sorted((DEPLOY.parent / "examples").glob("*.yaml")):
        made = yaml.safe_load(example.read_text())
        made.update(apiVersion="alerts.kelos.dev/v1alpha1", kind="AlertSpawner")
        assert verdicts(cluster, engine, made) == ("", "")
        stored = cluster.admin.post(PATH.format("default") + "?fieldValidation=Strict", made)
        assert stored["spec"]["pollInterval"] == "2m" and stored["spec"]["suspend"] is False
        assert engine("check", "-f", "-", stdin=json.dumps(stored)).returncode == 0


def test_columns_and_short_name(cluster, namespace):
    cluster.admin.post(PATH.format(namespace), document())
    cluster.admin.merge(PATH.format(namespace) + "/a/status", {"status": {
        "phase": "Running", "totalDiscovered": 7, "activeTasks": 2, "totalTasksCreated": 31, "message": "all is well",
        "lastDiscoveryTime": kube.now(-30), "conditions": [
            {"type": "SourceReachable", "status": "True", "reason": "Polled", "message": "", "lastTransitionTime": kube.now()},
            {"type": "DiscoveryError", "status": "False", "reason": "NoErrors", "message": "", "lastTransitionTime": kube.now()},
            {"type": "PolicyReady", "status": "False", "reason": "Broken", "message": "", "lastTransitionTime": kube.now()}]}})
    lines = cluster.kubectl("-n", namespace, "get", "asp").stdout.splitlines()
    assert lines[0].split() == ["NAME", "PHASE", "SOURCE", "POLICY", "ERROR", "ALERTS", "ACTIVE", "TASKS", "LAST", "POLL", "AGE"]
    assert lines[1].split()[:8] == ["a", "Running", "True", "False", "False", "7", "2", "31"]
    assert "all is well" in cluster.kubectl("-n", namespace, "get", "asp", "-o", "wide").stdout
    assert "Alertmanager's address" in cluster.kubectl("explain", "asp.spec.when.prometheusAlerts.url").stdout
    # status and spec are written apart
    cluster.admin.merge(PATH.format(namespace) + "/a", {"status": {"phase": "Failed"}, "spec": {"suspend": True}})
    stored = cluster.admin.get(PATH.format(namespace) + "/a")
    assert stored["status"]["phase"] == "Running" and stored["spec"]["suspend"] is True
    assert stored["metadata"]["generation"] == 2
