"""The demo tells the whole story: three legs, one difference explained, one not."""

import json
from collections import Counter
from pathlib import Path

from sync.books import Outcome, Run
from sync.classify import Kind
from sync.demo import play


def assert_readme_quotes(story: str) -> None:
    """What the README shows of the demo is what it says, in its order."""
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text()
    quoted = readme.partition("$ tieout demo\n")[2].partition("```")[0].splitlines()
    assert len(quoted) > 3
    rest = [" ".join(line.split()) for line in story.splitlines()]
    for line in quoted:
        assert " ".join(line.split()) in rest, line
        rest = rest[rest.index(" ".join(line.split())) + 1 :]


def test_the_demo_lives_through_the_document(tmp_path: Path) -> None:
    told: list[str] = []
    runs: list[Run] = []
    play(tmp_path / "out", told.append, runs.append)
    before, after = runs
    assert before.targets == ("stripe", "erp")
    assert Counter((row.target, row.kind) for row in before.rows) == {
        ("erp", Kind.VOID_PENDING): 1,
        ("stripe", Kind.VOID_PENDING): 1,
        ("erp", Kind.OVERBILLED): 1,
        ("erp", Kind.EXPLAINED_BY_MEMO): 1,
        ("stripe", Kind.EXPLAINED_BY_MEMO): 1,
        ("erp", Kind.MATCHED): 2,
        ("stripe", Kind.MATCHED): 3,
    }
    unexplained = [(row.kind, row.unexplained) for row in after.rows if row.unexplained]
    assert unexplained == [(Kind.OVERBILLED, 10_000)]
    explained = [
        row.explained for row in after.rows if row.target == "erp" and row.explained
    ]
    assert sorted(explained) == [-4_000, -2_000]
    assert after.outcome is Outcome.OPEN_ITEMS
    for source in after.sources:  # nothing that was read has gone missing
        assert source.rows_read == source.rows_used + source.rows_excluded, source.name
    story = "\n".join(told)
    assert_readme_quotes(story)
    assert "more than 34 days ago; correct it downstream" in story
    assert "out of scope" in story
    assert "INV-101 was seen VOID" in story
    # The opening balance names no core invoice; the refund is no document of A/R at all.
    assert [(one.what, one.id) for one in after.excluded] == [("invoice", "INV-000")]
    body = json.loads((tmp_path / "out/reconciliation.json").read_text())
    assert body["tables"]["detail"]["count"] == len(after.rows)
