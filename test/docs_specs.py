#!/usr/bin/env python3
"""docs_specs.py ALERTSPAWNER: the files of docs/specs.md are run together, and pass; what the page lists is what there is."""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
text = (ROOT / "docs/specs.md").read_text()
problems = []

with tempfile.TemporaryDirectory() as name:
    directory = pathlib.Path(name)
    files = 0
    for info, content in re.findall(r"^```(\w+ \S+)\n(.*?)^```$", text, re.S | re.M):
        path = directory / info.split()[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(content.rstrip("\n") if path.suffix == ".txt" else content)
        files += 1
    if files < 8:
        problems.append(f"only {files} files were found in the page")
    done = subprocess.run([PROGRAM, "spec", "-o", "tap", "--timeout", "60s", "."], cwd=directory, capture_output=True, text=True,
                          timeout=300)
    tests = re.findall(r"^(not ok|ok) \d+ - (.*)$", done.stdout, re.M)
    wanted = len(re.findall(r"^ *it\(", "".join(re.findall(r"^```lua .*?^```$", text, re.S | re.M)), re.M)) + \
        len(re.findall(r'^  \{"name"', text, re.M))
    if done.returncode != 0 or len(tests) != wanted:
        problems.append(f"{wanted} tests should pass, {len(tests)} ran, exit code {done.returncode}:\n{done.stdout}{done.stderr}")

listed = re.findall(r"`([\w]+)`", re.search(r"<!-- globals.*?-->(.*?)<!-- end -->", text, re.S)[1])
there = re.findall(r'^    \{"(\w+)", "', (ROOT / "lua/spec/globals.lua").read_text(), re.M)
if listed != there:
    problems.append(f"the globals are {there}, the page says {listed}")

for source, pattern in [("verdict.lua", r'^add\("(\w+)"'), ("golden.lua", r'register\("assertion", "(\w+)"'),
                        ("policies.lua", r'words\.export\("(\w+)"'), ("timeline.lua", r'action = "(\w+)"')]:
    names = re.findall(pattern, (ROOT / "lua/spec" / source).read_text(), re.M)
    if not names:
        problems.append(f"{source} has nothing like {pattern}")
    problems += [f"the page does not name {each} of {source}" for each in names if not re.search(rf"\b{each}\b", text)]

print("\n".join(problems) or f"{len(tests)} tests of the page passed")
sys.exit(1 if problems else 0)
