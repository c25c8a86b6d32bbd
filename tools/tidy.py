#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold the house rules that a compiler cannot see.

- includes run only along the table in ARCHITECTURE.md (read from there)
- every source file begins with its SPDX line
- no file grows above the size at which it should be split
- no leftovers: TODO, FIXME, XXX; no `#if 0`
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES_MAX = 1000
bad = []


def include_table():
    """module -> modules it may include, from the table under '## Include edges'."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    part = text.split("## Include edges", 1)[1].split("\n## ", 1)[0]
    table = {}
    for row in re.findall(r"^\|([^|]+)\|([^|]+)\|", part, re.M):
        names, may = (re.findall(r"[a-z_]+", c) for c in row)
        if names and names[0] != "module":
            for n in names:
                table[n] = set(may) | {n, "base"}
    return table


def files(*globs):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *globs], cwd=ROOT,
                         capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / f for f in out if f and (ROOT / f).is_file()]


def main():
    table = include_table()
    for f in files("src/*.c", "src/*.h", "tests/*.c", "bench/*.c"):
        rel = f.relative_to(ROOT)
        text = f.read_text(errors="replace")
        lines = text.split("\n")
        if "SPDX-License-Identifier" not in lines[0]:
            bad.append(f"{rel}:1: the first line must be the SPDX line")
        if len(lines) > LINES_MAX:
            bad.append(f"{rel}: {len(lines)} lines; split it by job (at most {LINES_MAX})")
        for i, line in enumerate(lines, 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line) or re.match(r"\s*#\s*if 0\b", line):
                bad.append(f"{rel}:{i}: leftover: {line.strip()}")
        if rel.parts[0] != "src" or len(rel.parts) < 3:
            continue   # src/*.c are the roles: they wire every module together
        module = rel.parts[1]
        if module not in table:
            bad.append(f"{rel}: module {module} is not in ARCHITECTURE.md's include table")
            continue
        for m in re.finditer(r'^\s*#\s*include\s+"([a-z_]+)/', text, re.M):
            if m.group(1) not in table[module]:
                n = text.count("\n", 0, m.start()) + 1
                bad.append(f"{rel}:{n}: {module} may not include {m.group(1)}")
    for f in files("tools/*", "*.sh", "*.py", "*.js", "*.mjs", "meson.build", "*/meson.build"):
        head = f.read_text(errors="replace").split("\n")[:3]
        if not any("SPDX-License-Identifier" in h for h in head):
            bad.append(f"{f.relative_to(ROOT)}: the SPDX line is missing")
    for b in bad:
        print(b)
    print(f"tidy: {len(bad)} findings" if bad else "tidy: clean")
    return 1 if bad else 0


sys.exit(main())
