"""Checks an unpacked evidence bundle by itself; a copy of it lies in each as check.py.

    python check.py [FOLDER]

It asks for Python 3.9 and nothing else, and for no trust in Tieout: it is short enough to be
read. It compares the sha256 of each file with the manifest and walks the audit log's chain
from its first line to the head that the manifest and each report name. Exit 0: all of it
holds. Exit 1: it says what does not. Whether the manifest itself is the one that was handed
over, only its own sha256 can tell: keep that somewhere else.
"""

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

MANIFEST, SUMS, LOG = "MANIFEST.json", "SHA256SUMS", "audit/log.jsonl"
GENESIS = "0" * 64


def problems(folder: Path) -> Iterator[str]:
    """What does not hold, in words."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        names, run, audit = manifest["files"], manifest["run_sha256"], manifest["audit"]
    except (OSError, ValueError, KeyError, TypeError):
        yield f"{MANIFEST}: is not there, or is not whole"
        return
    for name, digest in sorted(names.items()):
        path = folder / name
        if not path.is_file():
            yield f"{name}: is not there"
        elif sha256(path.read_bytes()).hexdigest() != digest:
            yield f"{name}: is not as it was (its sha256 differs)"
    there = {
        one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()
    }
    for name in sorted(there - set(names) - {MANIFEST, SUMS}):
        yield f"{name}: is not in the manifest"
    if "run.json" not in manifest["redacted"] and names.get("run.json") != run:
        yield "run.json: is not the run that the reports name"
    yield from _chain(folder / LOG, audit)


def _chain(path: Path, audit: dict[str, Any]) -> Iterator[str]:
    """The audit log: each line's hash takes in the line before."""
    head, count = GENESIS, 0
    try:
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        for one in lines:
            count += 1
            text = f"{one['seq']}\n{one['at']}\n{one['prev']}\n{one['body']}"
            whole = one["redacted"] or sha256(text.encode()).hexdigest() == one["hash"]
            if one["seq"] != count or one["prev"] != head or not whole:
                yield f"{LOG}: line {count} does not follow from the line before"
                return
            head = one["hash"]
    except (OSError, ValueError, KeyError, TypeError):
        yield f"{LOG}: is not there, or line {count + 1} is not whole"
        return
    if (count, head) != (audit["seq"], audit["hash"]):
        yield f"{LOG}: does not end where the reports say, at line {audit['seq']}"


def main(arguments: list[str]) -> int:
    """Check the bundle in a folder, by default the one in which this file lies."""
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    found = list(problems(folder))
    for one in found or ["all of it holds: every file, and the audit log's chain"]:
        sys.stdout.write(f"{one}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
