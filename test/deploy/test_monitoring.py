"""The alerts of deploy/components/monitoring: promtool's own unit tests, and that they are about metrics that there are."""
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RULE = ROOT / "deploy" / "components" / "monitoring" / "prometheusrule.yaml"
GROUPS = yaml.safe_load(RULE.read_text())["spec"]
RULES = {r["alert"]: r for g in GROUPS["groups"] for r in g["rules"]}


@pytest.fixture
def promtool(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: scripts/deps test")

    def run(*args, groups=GROUPS):
        (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups))
        shutil.copy(HERE / "rules_test.yaml", tmp_path)
        return subprocess.run(["promtool", *args], cwd=tmp_path, capture_output=True, text=True, check=False)
    return run


def test_rules_are_valid(promtool):
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_do_what_they_say(promtool):
    done = promtool("test", "rules", "rules_test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tested_both_ways(promtool):
    """Each is expected to fire somewhere and to be silent somewhere. And the unit tests notice a rule that is not."""
    fires, silent = set(), set()
    for case in yaml.safe_load((HERE / "rules_test.yaml").read_text())["tests"]:
        for expected in case["alert_rule_test"]:
            (fires if expected.get("exp_alerts") else silent).add(expected["alertname"])
    assert fires == silent == set(RULES)
    for name in RULES:
        groups = yaml.safe_load(yaml.safe_dump(GROUPS))
        rule = next(r for r in groups["groups"][0]["rules"] if r["alert"] == name)
        rule["expr"] = f"({rule['expr']}) < -1"
        assert promtool("test", "rules", "rules_test.yaml", groups=groups).returncode != 0, f"{name} never fires, and nobody notices"


def test_metrics_and_labels_exist():
    """Every metric that a rule asks for is one of the engine's, and has the labels that the rule wants."""
    known = {name: set(labels.split()) for labels, name in re.findall(
        r'METRIC\(\w+, \w+(?:\(\w+\))?, "([^"]*)", "([a-z_]+)"', (ROOT / "core" / "metrics" / "names.def").read_text())}
    assert len(known) > 30
    target = {"pod", "namespace"}  # what the PodMonitor adds
    for name, rule in RULES.items():
        for metric, matchers in re.findall(r"\b((?:alertspawner|kelos)_[a-z_]+)(\{[^}]*\})?", rule["expr"]):
            assert metric in known, f"{name} asks for {metric}"
            assert set(re.findall(r"(\w+)(?:=|!~|!=|=~)", matchers)) <= known[metric], f"{name}: {metric}{matchers}"
            for by in re.findall(r"by \(([^)]*)\)", rule["expr"]):
                assert set(by.replace(" ", "").split(",")) <= known[metric] | target, f"{name}: by ({by})"
        for label in re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())):
            assert label in rule["expr"] or label in target, f"{name}: $labels.{label}"


def test_every_alert_is_explained():
    """docs/operating.md has a heading for each, and for no other."""
    text = (ROOT / "docs" / "operating.md").read_text()
    assert set(re.findall(r"^### (Alertspawner\w+)$", text, re.MULTILINE)) == set(RULES)


def test_severities():
    for name, rule in RULES.items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert set(rule["annotations"]) == {"summary", "description"}, name
