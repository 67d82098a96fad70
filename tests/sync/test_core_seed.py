"""A company for a trial: last month is billed at once, and nothing is made twice."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.localcore import service as core_service
from connectors.sandbox import service as stripe_service
from tests.sync.test_cli import run

NOW = datetime(2026, 3, 3, 8, tzinfo=UTC)  # February is short: the window still holds


@dataclass
class Served:
    folder: Path
    core: str
    stripe: str

    def seed(self, **other: str) -> tuple[int, str, str]:
        words = {"--url": self.core, "--stripe": self.stripe, "--data": "core"}
        words |= {f"--{name}": value for name, value in other.items()}
        done = run(
            self.folder,
            "core",
            "seed",
            "--json",
            *(w for two in words.items() for w in two),
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    core = core_service.start(
        tmp_path / "core", token="seed-token", clock_kind="manual", now=NOW
    )
    (tmp_path / "core" / core_service.TOKEN_NAME).write_text("seed-token")
    stripe = stripe_service.start()
    yield Served(tmp_path, core.url, stripe.url)
    stripe.stop()
    core.stop()


def test_a_company_is_billed_for_last_month_and_made_once(served: Served) -> None:
    code, out, err = served.seed()
    assert (code, err) == (0, "")
    assert json.loads(out) == {"customers": ["Acme", "Birch", "Cedar", "Dune"]}
    (served.folder / "config.yaml").write_text(
        f'core: {{base_url: "{served.core}", token: file:core/token}}\n'
        f'stripe: {{api_base: "{served.stripe}"}}\n'
    )
    (served.folder / "core" / core_service.TOKEN_NAME).chmod(0o600)
    passed = json.loads(run(served.folder, "sync", "--json").stdout)
    assert (passed["pushed"], passed["polled"]) == (4, 8)
    code, out, err = served.seed()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "has customers already" in err


def test_it_fills_the_core_that_the_settings_name(served: Served) -> None:
    (served.folder / "config.yaml").write_text(
        f'core: {{base_url: "{served.core}", data_dir: core, token: file:core/token}}\n'
        f'stripe: {{api_base: "{served.stripe}"}}\n'
    )
    (served.folder / "core" / core_service.TOKEN_NAME).chmod(0o600)
    done = run(served.folder, "core", "seed")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Acme" in done.stdout


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "https://api.metronome.com"}, "--url: a trial is for stand-ins"),
        ({"stripe": "https://api.stripe.com"}, "--stripe: a trial is for stand-ins"),
        ({"data": "elsewhere"}, "elsewhere"),
        ({"token": "wrong"}, "401"),
        ({"stripe": "http://127.0.0.1:1"}, "Stripe"),
    ],
)
def test_what_cannot_be_filled_is_told_in_one_line(
    served: Served, wrong: dict[str, str], said: str
) -> None:
    code, out, err = served.seed(**wrong)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
