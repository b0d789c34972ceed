#!/usr/bin/env python3
"""Prints N alerts as Alertmanager's GET /api/v2/alerts writes them: realistic, about 1.1 KB each, sorted by their true
fingerprints, one line. Always the same for the same N.

  alerts.py N            the answer to a GET
  alerts.py N --post     a body for POST /api/v2/alerts
"""
import json
import random
import sys

NAMES = ["KubePodCrashLooping", "KubeContainerOOMKilled", "HighErrorRate", "SLOBurnRate", "NodeDiskPressure",
         "PodNotReady", "TargetDown", "CPUThrottlingHigh", "KubeJobFailed", "LatencyP99High", "CertExpiresSoon",
         "QueueBacklog", "ReplicaLag", "KubeHpaMaxedOut", "EtcdSlowDisk", "IngressErrors"]
TEAMS = ["backend", "platform", "payments", "search", "data"]
SPACES = ["production", "staging", "kube-system", "payments", "search", "batch", "ingress"]
SERVICES = ["checkout", "catalog", "gateway", "billing", "mailer", "indexer", "auth", "sessions"]


def fingerprint(labels):
    h = 0xcbf29ce484222325
    for name in sorted(labels):
        for b in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            h = ((h ^ b) * 0x100000001b3) & 0xffffffffffffffff
    return "%016x" % h


def alert(rnd, i):
    name, service, space = rnd.choice(NAMES), rnd.choice(SERVICES), rnd.choice(SPACES)
    pod = "%s-%08x-%05x" % (service, rnd.getrandbits(32), i)
    labels = {
        "alertname": name, "cluster": "prod-eu-%d" % rnd.randint(1, 4), "container": service, "instance":
        "10.%d.%d.%d:8080" % (rnd.randint(0, 255), rnd.randint(0, 255), rnd.randint(0, 255)), "job": "kube-state-metrics",
        "namespace": space, "pod": pod, "prometheus": "monitoring/k8s", "service": service,
        "severity": rnd.choice(["critical", "warning", "info"]), "team": rnd.choice(TEAMS),
    }
    value = "%.2f" % (rnd.random() * 100)
    annotations = {
        "description": "Pod %s/%s (%s) of %s has been in trouble for more than 5 minutes: the value is %s, the "
        "threshold is > 0.05.\nLook at its logs and at recent changes of limits & requests." %
        (space, pod, service, labels["cluster"], value),
        "runbook_url": "https://runbooks.example.org/alerts/%s" % name.lower(),
        "summary": "%s on %s" % (name, service),
    }
    second = i % 60
    return {
        "annotations": annotations,
        "endsAt": "2026-11-22T08:%02d:%02d.371Z" % (30 + i % 29, second),
        "fingerprint": fingerprint(labels),
        "receivers": [{"name": "team-" + labels["team"]}],
        "startsAt": "2026-11-%02dT%02d:%02d:%02d.%03dZ" % (1 + i % 22, i % 8, i % 60, second, i % 1000),
        "status": {"inhibitedBy": [], "silencedBy": [], "mutedBy": [], "state": "active"},
        "updatedAt": "2026-11-22T08:15:%02d.371Z" % second,
        "generatorURL": "http://prometheus-k8s-0.monitoring.svc:9090/graph?g0.expr=rate%28http_errors_total%7Bservice"
        "%3D%22" + service + "%22%7D%5B5m%5D%29+%3E+0.05&g0.tab=1",
        "labels": labels,
    }


def text(x):
    s = json.dumps(x, separators=(",", ":"), ensure_ascii=False)
    return s.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def main():
    rnd = random.Random(1)
    all_of_them = [alert(rnd, i) for i in range(int(sys.argv[1]))]
    if "--post" in sys.argv[2:]:
        for a in all_of_them:
            for name in ("endsAt", "fingerprint", "receivers", "status", "updatedAt"):
                del a[name]
    else:
        all_of_them.sort(key=lambda a: a["fingerprint"])
    out = sys.stdout
    out.write("[")
    for i, a in enumerate(all_of_them):
        out.write(("," if i else "") + text(a))
    out.write("]\n")


main()
