"""A real Kubernetes API server with a real etcd, for tests and for trying things by hand.

One Cluster is ready a few seconds after start(): RBAC on, its own certificates, our CRD, and Kelos' two kinds as minimal
ones (crds/). There are no nodes and no controllers: a Deployment is stored and nothing runs, a deleted Namespace stays
Terminating, nobody collects what an owner left behind, and a Task's phase changes only when a test says so
(task_running, task_finished).

    cluster.kubectl("get", "tasks", "-A")           as the cluster's admin
    cluster.admin.get("/api/v1/namespaces")         the same by HTTP: Client, below
    cluster.token(namespace, account)               what a Pod of that ServiceAccount would find mounted
    cluster.kubeconfig(path, token=…)               a kubeconfig with nothing but that token
    cluster.audit(user)                             every request of that user: what a role really needs

python3 cluster.py [COMMAND...] starts one and runs COMMAND (or a shell) with KUBECONFIG set; see up.sh.
"""
import base64
import collections
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import uuid

import yaml

HERE = pathlib.Path(__file__).resolve().parent
DEPLOY = HERE.parent.parent / "deploy"
# KELOS_CRDS: a directory with tasks.yaml and taskspawners.yaml of a Kelos, to run everything against its own kinds
CRDS = pathlib.Path(os.environ.get("KELOS_CRDS", HERE / "crds"))
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness import PATIENCE, free_port, wait_until  # noqa: E402

OPENSSL = """
[req]
distinguished_name = none
[none]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[server]
subjectAltName = IP:127.0.0.1, DNS:localhost, DNS:kubernetes.default.svc
extendedKeyUsage = serverAuth
[client]
extendedKeyUsage = clientAuth
"""

# What ServiceAccounts ask, one line each; nobody else, or the log would be the API server talking to itself.
AUDIT = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


class Missing(Exception):
    """The cluster's programs cannot be had here; the sentence says why."""


def assets():
    """The directory of kube-apiserver, etcd and kubectl; builds them when it must."""
    done = subprocess.run([HERE / "assets.sh"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == 77:
        raise Missing("no kube-apiserver, etcd or kubectl here, and they cannot be built; see above why")
    if done.returncode != 0:
        raise RuntimeError("test/kube/assets.sh failed")
    return pathlib.Path(done.stdout.strip())


def now(offset=0.0):
    """RFC 3339 with whole seconds, as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset))


class Status(Exception):
    """The API server refused. code: HTTP's; body: the Status object."""

    def __init__(self, code, body):
        super().__init__(f"{code}: {body.get('message', body) if isinstance(body, dict) else body}")
        self.code, self.body = code, body


class Client:
    """JSON over HTTP as one user: a token or a client certificate. One connection, so not for several threads."""

    def __init__(self, url, ca, token=None, certificate=None):
        self.url, self.token = url, token
        self.context = ssl.create_default_context(cafile=str(ca))
        if certificate:
            self.context.load_cert_chain(*map(str, certificate))
        self.connection = None

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def _send(self, method, path, body, content_type, timeout):
        headers = {"Accept": "application/json", "Content-Type": content_type}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body)
        for last in (False, True):
            if self.connection is None:
                host, port = self.url.removeprefix("https://").split(":")
                self.connection = http.client.HTTPSConnection(host, int(port), context=self.context, timeout=timeout)
            try:
                self.connection.request(method, path, data, headers)
                return self.connection.getresponse()
            except (http.client.HTTPException, OSError):
                self.close()  # idle for too long, perhaps
                if last:
                    raise
        raise AssertionError

    def ask(self, method, path, body=None, content_type="application/json", timeout=PATIENCE):
        """The answer's object (text, where it is no JSON); raises Status."""
        answer = self._send(method, path, body, content_type, timeout)
        text = answer.read().decode()
        try:
            value = json.loads(text) if text else None
        except ValueError:
            value = text
        if answer.status >= 300:
            raise Status(answer.status, value)
        return value

    def get(self, path):
        return self.ask("GET", path)

    def find(self, path):
        """The object, or None where there is none."""
        try:
            return self.get(path)
        except Status as refused:
            if refused.code == 404:
                return None
            raise

    def post(self, path, body):
        return self.ask("POST", path, body)

    def put(self, path, body):
        return self.ask("PUT", path, body)

    def merge(self, path, body):
        """A JSON merge patch."""
        return self.ask("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path, body=None):
        return self.ask("DELETE", path, body)


class Cluster:
    """See above. `more`: further flags for kube-apiserver."""

    def __init__(self, directory=None, more=()):
        self.assets = assets()
        memory = pathlib.Path("/dev/shm")  # etcd waits for the disk after each write; nothing here outlives us
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="kube-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data = pathlib.Path(tempfile.mkdtemp(
            prefix="kube-etcd-", dir=memory if os.access(memory, os.W_OK) else self.directory))
        self.more, self.processes, self.admin = list(more), [], None

    # -- start and stop

    def start(self):
        try:
            self._certificates()
            for attempt in range(3):  # another process may take a port between our look and its use
                if self._start():
                    break
                self._stop()
                assert attempt < 2, f"the API server does not come up: see {self.directory}/*.log"
            for path in (CRDS / "tasks.yaml", CRDS / "taskspawners.yaml", DEPLOY / "crd/alertspawners.yaml"):
                self.define(yaml.safe_load(path.read_text()))
            self.admin_config = self.kubeconfig(self.directory / "admin.kubeconfig")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        self._stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def _stop(self):
        if self.admin:
            self.admin.close()
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.processes = []
        shutil.rmtree(self.data / "etcd", ignore_errors=True)

    def _start(self):
        peer, client, port = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{port}"
        self.etcd_url = f"http://127.0.0.1:{client}"
        d = self.directory
        self._spawn("etcd", "--data-dir", self.data / "etcd", "--listen-client-urls", self.etcd_url,
                    "--advertise-client-urls", self.etcd_url, "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-cluster", f"default=http://127.0.0.1:{peer}")
        self._spawn("kube-apiserver", "--etcd-servers", self.etcd_url, "--bind-address", "127.0.0.1",
                    "--secure-port", port, "--tls-cert-file", d / "server.crt", "--tls-private-key-file", d / "server.key",
                    "--client-ca-file", d / "ca.crt", "--authorization-mode", "RBAC",
                    "--service-account-issuer", "https://kubernetes.default.svc",
                    "--service-account-key-file", d / "accounts.key",
                    "--service-account-signing-key-file", d / "accounts.key",
                    "--service-cluster-ip-range", "10.0.0.0/24",
                    # as OpenShift has it: who writes an owner reference needs the rights that it implies
                    "--enable-admission-plugins", "OwnerReferencesPermissionEnforcement",
                    "--audit-policy-file", d / "audit.yaml", "--audit-log-path", d / "audit.log",
                    "--profiling=false", *self.more)
        self.admin = Client(self.url, d / "ca.crt", certificate=(d / "admin.crt", d / "admin.key"))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if any(p.poll() is not None for p in self.processes):
                return False
            with contextlib.suppress(Status, OSError, http.client.HTTPException):
                self.admin.ask("GET", "/readyz", timeout=5)
                return True
            time.sleep(0.05)
        return False

    def _spawn(self, program, *args):
        prctl = ctypes.CDLL(None).prctl
        with open(self.directory / f"{program}.log", "ab") as log:
            self.processes.append(subprocess.Popen(
                [str(self.assets / program), *map(str, args)], cwd=self.directory, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                env={k: v for k, v in os.environ.items() if not k.startswith(("ETCD_", "KUBE"))},
                preexec_fn=lambda: prctl(1, signal.SIGKILL)))  # PR_SET_PDEATHSIG: nobody stays when a test run is killed

    def _certificates(self):
        d = self.directory
        (d / "audit.yaml").write_text(yaml.safe_dump(AUDIT))
        (d / "openssl.cnf").write_text(OPENSSL)

        def openssl(*args):
            subprocess.run(["openssl", *map(str, args)], cwd=d, check=True, capture_output=True)

        def key(name):
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
        key("accounts")
        key("ca")
        openssl("req", "-x509", "-new", "-key", "ca.key", "-out", "ca.crt", "-days", 2, "-subj", "/CN=test-ca",
                "-config", "openssl.cnf", "-extensions", "ca")
        self.certificate("server", "/CN=kube-apiserver", "server")
        self.certificate("admin", "/O=system:masters/CN=admin", "client")

    def certificate(self, name, subject, kind="client"):
        """NAME.crt and NAME.key in the cluster's directory: for a client, CN is the user and O its group."""
        d = self.directory
        for args in (["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key"],
                     ["req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr",
                      "-config", "openssl.cnf"],
                     ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "2", "-out", f"{name}.crt", "-extfile", "openssl.cnf", "-extensions", kind]):
            subprocess.run(["openssl", *args], cwd=d, check=True, capture_output=True)
        return d / f"{name}.crt", d / f"{name}.key"

    def freeze(self):
        """The API server stops answering; its connections stay."""
        self.processes[1].send_signal(signal.SIGSTOP)

    def thaw(self):
        self.processes[1].send_signal(signal.SIGCONT)

    # -- what is in it

    def define(self, definition):
        """Creates or replaces a CRD and waits until it is served. Nobody is here who would convert."""
        definition = {**definition, "spec": {**definition["spec"], "conversion": {"strategy": "None"}}}
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        name, spec = definition["metadata"]["name"], definition["spec"]
        old = self.admin.find(f"{path}/{name}")
        if old:
            definition = {**definition, "metadata": {**definition["metadata"],
                                                     "resourceVersion": old["metadata"]["resourceVersion"]}}
            self.admin.put(f"{path}/{name}", definition)
        else:
            self.admin.post(path, definition)
        resource = f"/apis/{spec['group']}/{spec['versions'][-1]['name']}/{spec['names']['plural']}"

        def served():
            with contextlib.suppress(Status):
                return self.admin.get(resource)["kind"].endswith("List")
        wait_until(served, f"{name} is served")

    def adopt(self, adopted=True):
        """TaskSpawner as a Kelos would have it that has adopted the proposal: its `when` knows prometheusAlerts. Or as it
        was before."""
        definition = yaml.safe_load((CRDS / "taskspawners.yaml").read_text())
        if not adopted:
            return self.define(definition)
        schema = next(v for v in definition["spec"]["versions"] if v["storage"])["schema"]["openAPIV3Schema"]
        schema["properties"]["spec"]["properties"]["when"]["properties"]["prometheusAlerts"] = {
            "type": "object", "x-kubernetes-preserve-unknown-fields": True}
        return self.define(definition)

    def namespace(self, prefix="t"):
        """A new one's name. Namespaces are never deleted: nobody would finish the job."""
        name = f"{prefix[:40].rstrip('-')}-{uuid.uuid4().hex[:8]}"
        self.admin.post("/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def service_account(self, namespace, name):
        self.admin.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})

    def token(self, namespace, account, seconds=3600):
        """By TokenRequest, as the kubelet gets it."""
        made = self.admin.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": max(seconds, 600)}})
        return made["status"]["token"]

    def client(self, token):
        """A Client who is whoever the token says."""
        return Client(self.url, self.directory / "ca.crt", token=token)

    def kubeconfig(self, path, token=None, namespace=None, server=None):
        """Writes one: with the token alone, or without one as admin. `server`: another way to it, a proxy say."""
        d = self.directory
        context = {"cluster": "test", "user": "test", **({"namespace": namespace} if namespace else {})}
        user = {"token": token} if token else {"client-certificate-data": encoded(d / "admin.crt"),
                                               "client-key-data": encoded(d / "admin.key")}
        pathlib.Path(path).write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": server or self.url,
                                                      "certificate-authority-data": encoded(d / "ca.crt")}}],
            "users": [{"name": "test", "user": user}], "contexts": [{"name": "test", "context": context}]}))
        os.chmod(path, 0o600)
        return pathlib.Path(path)

    def kubectl(self, *args, stdin=None, code=0, config=None):
        """CompletedProcess with text; `code`: what it must exit with, None for whatever."""
        done = subprocess.run([self.assets / "kubectl", "--kubeconfig", config or self.admin_config, *map(str, args)],
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE,
                              env={"PATH": os.environ["PATH"], "HOME": str(self.directory)})
        assert code is None or done.returncode == code, f"kubectl {args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def apply(self, *documents, namespace=None):
        """kubectl apply --server-side --validate=strict of these."""
        where = ["-n", namespace] if namespace else []
        return self.kubectl(*where, "apply", "--server-side", "--validate=strict", "-f", "-",
                            stdin=yaml.safe_dump_all(documents))

    # -- Tasks: the test plays Kelos' controller

    def tasks(self, namespace):
        """{name: Task}"""
        listed = self.admin.get(f"/apis/kelos.dev/v1alpha2/namespaces/{namespace}/tasks")
        return {t["metadata"]["name"]: {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", **t} for t in listed["items"]}

    def task_status(self, namespace, name, **status):
        self.admin.merge(f"/apis/kelos.dev/v1alpha2/namespaces/{namespace}/tasks/{name}/status", {"status": status})

    def task_running(self, namespace, name):
        self.task_status(namespace, name, phase="Running", startTime=now())

    def task_finished(self, namespace, name, phase="Succeeded", at=None):
        self.task_status(namespace, name, phase=phase, completionTime=at or now())

    def events(self, namespace):
        return self.admin.get(f"/api/v1/namespaces/{namespace}/events")["items"]

    def audit(self, user):
        """Counter of (verb, "resource.group" or "resource.group/subresource", namespace, code), of a ServiceAccount's
        requests so far. user: "system:serviceaccount:NAMESPACE:NAME"."""
        seen = collections.Counter()
        for line in (self.directory / "audit.log").read_text().splitlines():
            event = json.loads(line)
            if event["user"]["username"] != user:
                continue
            ref = event.get("objectRef", {})
            group = "." + ref["apiGroup"] if ref.get("apiGroup") else ""
            what = ref.get("resource", event["requestURI"].partition("?")[0]) + group
            what += "/" + ref["subresource"] if ref.get("subresource") else ""
            seen[event["verb"], what, ref.get("namespace", ""), event.get("responseStatus", {}).get("code", 0)] += 1
        return seen


class Deployed:
    """deploy/ in a namespace, applied from an overlay in `directory`, and what a Pod of it would be: its ServiceAccount.
    `components`: of deploy/components."""

    def __init__(self, cluster, namespace, directory, components=()):
        self.cluster, self.namespace = cluster, namespace
        self.user = f"system:serviceaccount:{namespace}:alertspawner"
        directory.mkdir(parents=True)
        (directory / "kustomization.yaml").write_text(yaml.safe_dump({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": namespace,
            "resources": [os.path.relpath(DEPLOY / "base", directory)],
            "components": [os.path.relpath(DEPLOY / "components" / c, directory) for c in components]}))
        cluster.kubectl("apply", "--server-side", "--validate=strict", "-k", directory)
        self.objects = list(yaml.safe_load_all(cluster.kubectl("kustomize", directory).stdout))

    def token(self):
        return self.cluster.token(self.namespace, "alertspawner")

    def client(self):
        return self.cluster.client(self.token())

    def kubeconfig(self, path, **more):
        """With nothing but a token of the ServiceAccount."""
        return self.cluster.kubeconfig(path, token=self.token(), namespace=self.namespace, **more)


def encoded(path):
    return base64.b64encode(pathlib.Path(path).read_bytes()).decode()


def main():
    try:
        cluster = Cluster()
    except Missing as why:
        print(why, file=sys.stderr)
        return 77
    try:
        start = time.monotonic()
        cluster.start()
        print(f"kube-apiserver at {cluster.url} after {time.monotonic() - start:.1f} s; KUBECONFIG={cluster.admin_config}\n"
              f"its logs are in {cluster.directory}; it ends with this command", file=sys.stderr)
        command = sys.argv[1:] or [os.environ.get("SHELL", "/bin/sh")]
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command's business
        return subprocess.run(command, check=False, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), env={
            **os.environ, "KUBECONFIG": str(cluster.admin_config),
            "PATH": f"{cluster.assets}:{os.environ['PATH']}"}).returncode
    finally:
        cluster.stop()
        shutil.rmtree(cluster.directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
