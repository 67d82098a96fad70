"""The company of a story with its Tieout: a configuration, the commands, a Stripe stand-in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.sandbox.operator import Operator
from connectors.sandbox.service import start as start_stripe
from state.books import Books
from sync import cli
from tests.stories.living import Story


class Company(Story):
    """Everything of a story, and `tieout` beside it as a person calls it."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        super().__init__(folder / "core")
        self.be_reachable()
        self.stripe = start_stripe()
        self.person = Operator(self.stripe.url, self.stripe.api_key)
        self.home = folder
        self._capture = capture
        self.url = f"sqlite:///{folder}/state.db"
        config = {
            "entity": "acme-us",
            "core": {"base_url": self.core.url, "token": "env:STORY_TOKEN"},
            "stripe": {
                "api_base": self.stripe.url,
                "create_customers": True,
                "requests_per_second": 100,
            },
            "state": {"url": self.url},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))

    def tieout(self, *words: str) -> tuple[int, str, str]:
        """A command as it is typed: its exit code, what it said, and what it complained."""
        self._capture.readouterr()
        code = cli._exit_code([*words, "-c", str(self.home / "config.yaml")])
        said = self._capture.readouterr()
        return code, said.out, said.err

    def told(self, *words: str, json_option: bool = True) -> Any:
        """A command's --json answer, whatever its exit code but 2."""
        more = ("--json",) if json_option else ()
        code, out, err = self.tieout(*words, *more)
        assert code != 2, err
        return json.loads(out)

    @contextmanager
    def books(self) -> Iterator[Books]:
        store = Books(self.url, "acme-us", new_id=lambda: "never")
        try:
            yield store
        finally:
            store.close()

    def stop(self) -> None:
        super().stop()
        self.stripe.stop()
