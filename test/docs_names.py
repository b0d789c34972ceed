#!/usr/bin/env python3
"""Every file, function, test and link that the documentation names is there. Pages that lie are worse than none."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
PAGES = ["README.md", "docs/tour.md", "docs/barriers.md", "docs/documents.md", "docs/reasons.md", "docs/why.md", "docs/metrics.md",
         "docs/policies.md", "docs/replay.md", "docs/specs.md", "test/hostile/README.md",
         *sorted(f"docs/decisions/{f.name}" for f in (root / "docs/decisions").glob("*.md"))]
# Names of files that stand for a reader's own.
EXAMPLES = {"10-payments.lua", "queue.jsonl", "spawner.yaml", "10-payments_spec.lua", "lib_*.lua", "lib_NAME.lua", "*_spec.lua", "NAME.lua",
            "NAME_spec.lua"}
SOURCES = {".c", ".h", ".cc", ".lua", ".txt", ".cmake", ".py", ".sh", ".def"}

files = [f for top in ("core", "lua", "policies", "spec", "test", "docs", "scripts", "examples", "cmake", "vendor")
         for f in (root / top).rglob("*") if f.is_file()]
names = {f.name for f in files}
words = set()
for f in files:
    if f.suffix in SOURCES:
        words.update(re.findall(r"\w+", f.read_text(errors="replace")))
words.update("e2e_" + f.stem.removeprefix("test_") for f in files if f.match("test/e2e/test_*.py"))
words.update("kube_" + f.stem.removeprefix("test_") for f in files if f.match("test/kube/test_*.py"))


def wrong(page, code):
    if re.fullmatch(r"[a-z_]\w*\(\)", code):
        return code[:-2] not in words
    if re.fullmatch(r"[\w./*-]+\.(c|h|cc|lua|txt|md|def|py|sh)", code):
        if "*" in code:
            return not list(root.glob(code))
        return not (root / code).exists() if "/" in code else code not in names
    if re.fullmatch(r"(core|lua|test|docs|scripts|examples|policies)/[\w./*-]*", code):
        return not list(root.glob(code.rstrip("/")))
    if re.fullmatch(r"[a-z][a-z0-9]*_[a-z0-9_]+", code):
        return code not in words
    return False


problems = []
for page in PAGES:
    text = (root / page).read_text()
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    for code in sorted(set(re.findall(r"`([^`\n]+)`", prose))):
        if not code.startswith("policies.d/") and code not in EXAMPLES and wrong(page, code):
            problems.append(f"{page}: there is no {code}")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        if not (root / page).parent.joinpath(target).exists():
            problems.append(f"{page}: the link {target} leads nowhere")
listed = (root / "test/hostile/README.md").read_text()
problems += [f"test/hostile/README.md does not list {f.name}" for f in sorted((root / "test/hostile").glob("*.lua"))
             if f"`{f.name}`" not in listed]
print("\n".join(problems) or f"{len(PAGES)} pages name what is there")
sys.exit(bool(problems))
