"""One table of a report as JSON Lines: a line for each row, for programs that read a stream.

Every line is whole by itself: it has the run's id, and its amounts are those of the JSON.
"""

from typing import BinaryIO

from sync.report.document import Document
from sync.report.to_json import dumped, row_body


def write(document: Document, out: BinaryIO, *, table: str = "") -> None:
    """Write one table, by default the main one. Raises KeyError for one that is not there."""
    chosen = document.table(table or document.main)
    run = document.head.run_id
    for number, row in chosen.numbered_rows():
        line = dumped({**row_body(chosen, number, row), "run": run})
        out.write(line.encode("utf-8", "replace") + b"\n")
