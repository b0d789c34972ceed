"""Fixtures of test/e2e (am, engine, serve, ...) and: cluster, one per run; namespace, one per test; deployed, with deploy/
in that namespace; faults, a proxy in front of the API server that does what it is told (faults.py)."""
import importlib.util
import pathlib
import re
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cluster as kube  # noqa: E402
import faults as fault_proxy  # noqa: E402

spec = importlib.util.spec_from_file_location("e2e_conftest", HERE.parent / "e2e" / "conftest.py")
e2e = importlib.util.module_from_spec(spec)
spec.loader.exec_module(e2e)
am, engine, serve, pytest_sessionfinish = e2e.am, e2e.engine, e2e.serve, e2e.pytest_sessionfinish


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    try:
        c = kube.Cluster(tmp_path_factory.mktemp("cluster"))
    except kube.Missing as why:
        pytest.skip(str(why))
    c.start()
    yield c
    c.stop()


@pytest.fixture
def namespace(cluster, request):
    return cluster.namespace(re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-"))


@pytest.fixture
def deploy(cluster, tmp_path):
    """deploy(NAMESPACE, components=[...]) -> kube.Deployed"""
    def apply(namespace, **more):
        return kube.Deployed(cluster, namespace, tmp_path / f"deploy-{namespace}", **more)
    return apply


@pytest.fixture
def deployed(deploy, namespace):
    """deploy/ in the test's own namespace."""
    return deploy(namespace)


@pytest.fixture
def faults(cluster):
    proxy = fault_proxy.Faults(cluster)
    yield proxy
    proxy.stop()
