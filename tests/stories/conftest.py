"""What the stories share: a company that lives for one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.stories.golden")

from tests.stories.company import Company  # noqa: E402 - after the line above


@pytest.fixture
def company(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Company]:
    monkeypatch.setenv("STORY_TOKEN", "t")
    made = Company(tmp_path, capsys)
    yield made
    made.stop()
