#!/usr/bin/env python3
"""docs/metrics.md lists exactly the metrics of core/metrics/names.def, as they stand there; every metric that documentation
and alert rules name is one of them. With --write the table is made anew."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
page = root / "docs/metrics.md"
ROW = re.compile(r'^METRIC\((\w+), (\w+)(?:\(\w+\))?, "([^"]*)", "([^"]*)",\s*((?:"[^"]*"\s*)+)\)', re.M)

source = (root / "core/metrics/names.def").read_text()
metrics = [(m[4], m[2].lower(), m[3].split(), "".join(re.findall(r'"([^"]*)"', m[5]))) for m in ROW.finditer(source)]
if len(metrics) != source.count("\nMETRIC("):
    sys.exit(f"{len(metrics)} of {source.count(chr(10) + 'METRIC(')} rows of names.def can be read")
table = "".join(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {says} |\n"
                for name, kind, labels, says in metrics)

problems = []
text = page.read_text()
head = "| Name | Type | Labels | What it says |\n|---|---|---|---|\n"
begin = text.index(head) + len(head)
end = text.index("\n\n", begin) + 1
if "--write" in sys.argv:
    page.write_text(text[:begin] + table + text[end:])
elif text[begin:end] != table:
    problems.append(f"{page.relative_to(root)}: the table is not that of core/metrics/names.def; test/docs_metrics.py --write makes it")

known = {name for name, *_ in metrics}
known |= {name + suffix for name, kind, *_ in metrics if kind == "histogram" for suffix in ("_bucket", "_sum", "_count")}
for f in [page, root / "README.md", *root.glob("docs/*.md"), *root.glob("deploy/**/*.yaml"), *root.glob("deploy/**/*.json")]:
    for name in sorted(set(re.findall(r"\b(?:kelos_spawner|alertspawner)_[a-z0-9_]+_(?:total|seconds|bytes|sum|count|bucket)\b",
                                      f.read_text()))):
        if name not in known:
            problems.append(f"{f.relative_to(root)}: there is no metric {name}")
print("\n".join(problems) or f"{len(metrics)} metrics are documented")
sys.exit(bool(problems))
