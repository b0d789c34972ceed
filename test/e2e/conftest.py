import os
import shutil

import pytest

import harness


def alertmanagers():
    """Debian's, and a newer one where ALERTMANAGER_NEW names it (see alertmanager-new.sh)."""
    new = os.environ.get("ALERTMANAGER_NEW")
    new = new if new and os.access(new, os.X_OK) else None
    return [pytest.param(os.environ.get("ALERTMANAGER", "prometheus-alertmanager"), id="debian"),
            pytest.param(new, id="new", marks=pytest.mark.skipif(
                not new, reason="ALERTMANAGER_NEW names no newer Alertmanager; test/e2e/alertmanager-new.sh builds one"))]


def _start(binary, tmp_path):
    if shutil.which(binary) is None:
        pytest.skip(f"{binary} is not installed")
    return harness.Alertmanager(binary, tmp_path / "alertmanager")


def pytest_sessionfinish(session, exitstatus):
    """A file whose every test was skipped was skipped: ctest is to say so."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and set(reporter.stats) & {"passed", "xfailed", "failed", "error"} == set():
        session.exitstatus = 77


@pytest.fixture
def am(tmp_path):
    a = _start(os.environ.get("ALERTMANAGER", "prometheus-alertmanager"), tmp_path)
    yield a
    a.close()


@pytest.fixture(params=alertmanagers())
def every_am(request, tmp_path):
    """For what may depend on Alertmanager's version."""
    a = _start(request.param, tmp_path)
    yield a
    a.close()


@pytest.fixture
def engine(tmp_path):
    e = harness.Engine(tmp_path / "engine")
    yield e
    e.close()


@pytest.fixture
def serve():
    """serve(answer) starts a scripted server; see harness.Server."""
    servers = []

    def start(answer):
        servers.append(harness.Server(answer))
        return servers[-1]
    yield start
    for s in servers:
        s.close()
