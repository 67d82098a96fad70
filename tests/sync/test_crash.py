"""What nobody foresaw is kept in a file of its user's alone, and holds no secret."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.redaction import Secret
from sync import crash
from sync.secrets import remember

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECRET = "abc-very-secret-token-xyz"


def kept(folder: Path, message: str, *words: str) -> str:
    try:
        raise RuntimeError(message)
    except RuntimeError as error:
        said = crash.keep(error, words, now=NOW)
    (path,) = (folder / ".tieout").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert f"its details are in .tieout/{path.name}" in said
    return path.read_text()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    remember(Secret(SECRET))
    return tmp_path


def test_a_secret_is_hidden_in_the_words_and_in_the_traceback(tmp_path: Path) -> None:
    text = kept(
        tmp_path, f"said {SECRET}", "core", "serve", "--token", "other", "--token=x"
    )
    assert "tieout core serve --token [hidden] --token=[hidden]" in text
    assert "RuntimeError: said [hidden]" in text
    assert SECRET not in text


@pytest.mark.parametrize("shown", [1, 8, len(SECRET) - 1])
def test_the_end_of_a_secret_does_not_outlive_a_cut(tmp_path: Path, shown: int) -> None:
    # The cut takes what stands first; the traceback ends with the message and a line break.
    tail = "." * (crash.BYTES_MAX - shown - 1)
    text = kept(tmp_path, SECRET + tail)
    assert len(text) == crash.BYTES_MAX
    assert SECRET[-shown:] + "." not in text
