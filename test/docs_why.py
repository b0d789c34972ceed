#!/usr/bin/env python3
"""docs_why.py ALERTSPAWNER [--write]: the examples of docs/why.md, run.

    ```LANGUAGE PATH     a file
    ```console           commands ("$ ...") and what they print, to the byte

--write puts in what they print. And every member that -o json prints stands in the page's tables."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/why.md"
WRITE = "--write" in sys.argv
BINARY = pathlib.Path(sys.argv[1]).resolve()

text = PAGE.read_text()
problems = []


def run(command, directory):
    done = subprocess.run(["bash", "-c", command], cwd=directory, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}", "HOME": str(directory)})
    if done.stderr:
        problems.append(f"{command}: {done.stderr}")
    return done.stdout


def console(content, directory):
    """The block as it should be."""
    lines = []
    for command in re.findall(r"^\$ (.*)$", content, re.M):
        lines.append(f"$ {command}\n{run(command, directory)}")
    return "".join(lines)


def members(value, found):
    """Names of members, but for those of maps whose names are the alert's."""
    if isinstance(value, list):
        for v in value:
            members(v, found)
    elif isinstance(value, dict):
        for k, v in value.items():
            found.add(k)
            if k not in ("labels", "reads", "notes", "did_you_mean"):
                members(v, found)


def check(directory):
    global text
    parts = re.split(r"(^```[^\n]*\n.*?^```$)", text, flags=re.S | re.M)
    for i, part in enumerate(parts):
        m = re.fullmatch(r"```(\S+) ?(\S*)\n(.*)```", part, re.S)
        if not m:
            continue
        if m[1] == "console":
            want = console(m[3], directory)
            if want != m[3] and not WRITE:
                problems.append(f"docs/why.md says\n{m[3]}but it is\n{want}")
            parts[i] = f"```console\n{want}```"
        elif m[2]:
            path = directory / m[2]
            path.parent.mkdir(exist_ok=True)
            path.write_text(m[3])
    text = "".join(parts)
    found = set()
    common = "alertspawner why -f spawner.yaml --policies policies.d --alert alert.json -o json --trace"
    members(json.loads(run(common, directory)), found)
    (directory / "policies.d/10-payments.lua").write_text(
        'return policy.extend(policy.base, { api = 1, match = [[team="payments"]], limits = { per_hour = 1 },\n'
        'title = function(a) return a.labels.sevrity .. "x" end, priority = function(a, c, s) return s() end,\n'
        'key = function(a) c = nil return a.labels.team end })\n'.replace("c = nil ", ""))
    members(json.loads(run(common, directory)), found)
    for name in sorted(found):
        if f"`{name}`" not in text and f'"{name}"' not in text:
            problems.append(f"docs/why.md does not tell of the member {name}")


with tempfile.TemporaryDirectory() as d:
    check(pathlib.Path(d))
if WRITE:
    PAGE.write_text(text)
if problems:
    sys.exit("\n".join(problems))
print(f"docs/why.md: {len(re.findall('^```console', text, re.M))} examples are as they are shown")
