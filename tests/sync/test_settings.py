"""Bad configuration is one clear line each: the file, the line, the key, the remedy."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from sync.setting_values import Part
from sync.settings import ConfigError, Schedule, Settings, load, parse
from sync.settings_errors import allowed, every_path, shown

EXAMPLE = Path(__file__).parent.parent.parent / "config.example.yaml"
DEEP = "a: " + "[" * 40 + "]" * 40
LIST_OF_21 = f"notify: [{', '.join(f'env:URL_{n}' for n in range(21))}]"

BAD: list[tuple[str, str, str]] = [
    # unknown keys, with the nearest known one
    ("entitty: a", "entitty", "did you mean entity?"),
    ("Entity: a", "Entity", "did you mean entity?"),
    ("stripe: {delivry: auto}", "stripe.delivry", "did you mean stripe.delivery?"),
    ("stripe: {apikey: env:A}", "stripe.apikey", "did you mean stripe.api_key?"),
    ("policy: {push_cap_cout: 3}", "policy.push_cap_cout", "policy.push_cap_count?"),
    ("schedule: {time_zone: UTC}", "schedule.time_zone", "schedule.timezone?"),
    ("tolerance: 1", "tolerance", "not a known key here; did you mean policy.tolerance?"),
    ("core: {delivery: auto}", "core.delivery", "did you mean stripe.delivery?"),
    ("core: {qqq: 1}", "core.qqq", "known here: base_url, data_dir, kind, token"),
    ("1: 2", "[1]", "not a known key"),
    ("erp: [{name: x, kind: file, foldr: y}]", "erp[0].foldr", "erp[0].folder?"),
    # kinds of values
    ("entity: [a]", "entity", "is a list of 1"),
    ("entity: {a: b}", "entity", "is a group of keys"),
    ("entity: 7", "entity", "is 7"),
    ("entity:", "entity", "is empty"),
    ("entity: ''", "entity", "is empty text"),
    ("entity: Über Corp", "entity", "a-z, 0-9"),
    ("entity: " + "a" * 41, "entity", "1 to 40"),
    ("entity: true", "entity", "is true"),
    ("stripe: 7", "stripe", "must be a group of keys"),
    ("stripe: [a]", "stripe", "must be a group of keys"),
    ("erp: {name: x}", "erp", "must be a list"),
    ("erp: [1]", "erp[0]", "must be a group of keys"),
    ("notify: env:A", "notify", "must be a list"),
    ("notify: [1]", "notify[0]", "is 1"),
    (LIST_OF_21, "notify", "must be a list of at most 20"),
    ("stripe: {finalize: 7}", "stripe.finalize", "true or false"),
    ("stripe: {finalize: 'yes'}", "stripe.finalize", "true or false"),
    ("policy: {skip_zero: 1}", "policy.skip_zero", "true or false"),
    # numbers and their limits
    ("stripe: {days_until_due: -1}", "stripe.days_until_due", "is -1; must be a whole number from 0 to 365"),
    ("stripe: {days_until_due: 366}", "stripe.days_until_due", "from 0 to 365"),
    ("stripe: {days_until_due: soon}", "stripe.days_until_due", "the text 'soon'"),
    ("stripe: {days_until_due: '30'}", "stripe.days_until_due", "is text"),
    ("stripe: {days_until_due: true}", "stripe.days_until_due", "is true"),
    ("stripe: {days_until_due: 3.5}", "stripe.days_until_due", "3.5, a decimal number"),
    ("stripe: {days_until_due: }", "stripe.days_until_due", "is empty"),
    ("stripe: {requests_per_second: 0}", "stripe.requests_per_second", "from 1 to 1000"),
    ("stripe: {requests_per_second: 1001}", "stripe.requests_per_second", "from 1 to 1000"),
    ("policy: {tolerance: 1.5}", "policy.tolerance", "decimal"),
    ("policy: {tolerance: 1001}", "policy.tolerance", "from 0 to 1000"),
    ("policy: {tolerance: " + "9" * 60 + "}", "policy.tolerance", "very large number"),
    ("policy: {push_cap_count: 0}", "policy.push_cap_count", "from 1 to 1000000"),
    ("policy: {push_cap_amount: 1e6}", "policy.push_cap_amount", "is text"),
    ("policy: {item_threshold: -5}", "policy.item_threshold", "is -5"),
    ("policy: {total_threshold: 1_000.50}", "policy.total_threshold", "is text"),
    ("web: {port: 0}", "web.port", "from 1 to 65535"),
    ("web: {port: 65536}", "web.port", "from 1 to 65535"),
    ("web: {bind: 0.0.0.0}", "web.bind", "127.0.0.1"),
    # closed lists of words
    ("core: {kind: lago}", "core.kind", "one of embedded, metronome"),
    ("stripe: {mode: prod}", "stripe.mode", "'prod'; must be one of sandbox, test, live"),
    ("stripe: {mode: on}", "stripe.mode", "is true"),
    ("stripe: {delivery: pull}", "stripe.delivery", "one of auto, push, observe"),
    ("stripe: {collection_method: cash}", "stripe.collection_method", "one of send_invoice"),
    ("policy: {void: void}", "policy.void", "must be flag"),
    ("policy: {replace_paid: maybe}", "policy.replace_paid", "one of hold, push"),
    ("erp: [{name: x, kind: sap, folder: y}]", "erp[0].kind", "one of file"),
    ("erp: [{name: x, kind: netsuite}]", "erp[0].client_id", "is missing"),
    ("erp: [{name: x}]", "erp[0].kind", "is missing; must be one of file, odoo"),
    ("erp: [{name: x, kind: odoo, folder: y}]", "erp[0].folder", "known here: api, base_url"),
    ("erp: [{name: x, kind: odoo, data_base: y}]", "erp[0].data_base", "erp[0].database?"),
    ("erp: [{name: x, kind: tryton, base_url: ''}]", "erp[0].token", "is missing"),
    ("erp: [{name: x, kind: file, folder: y, dates: us}]", "erp[0].dates", "one of iso, dmy, mdy"),
    ("erp: [{name: x, kind: file, folder: y, currency: usd}]", "erp[0].currency", "like USD"),
    ("erp: [{name: x, kind: file}]", "erp[0].folder", "is missing"),
    ("erp: [{name: X Y, kind: file, folder: y}]", "erp[0].name", "a-z, 0-9"),
    ("erp: [{name: x, kind: odoo, base_url: 'https://o.test', token: env:A, companies: [Acme]}]", "erp[0].companies[0]", "a number in quotes"),
    ("erp: [{name: x, kind: tryton, base_url: 'https://t.test', database: d, token: env:A, companies: ['-1']}]", "erp[0].companies[0]", "a number in quotes"),
    # durations, times, zones
    ("schedule: {poll_every: soon}", "schedule.poll_every", "30s, 5m or 1h"),
    ("schedule: {poll_every: 60}", "schedule.poll_every", "30s, 5m or 1h"),
    ("schedule: {poll_every: 0s}", "schedule.poll_every", "from 1s to 7d"),
    ("schedule: {poll_every: -1m}", "schedule.poll_every", "duration"),
    ("schedule: {poll_every: 1.5h}", "schedule.poll_every", "duration"),
    ("schedule: {sweep_every: 8d}", "schedule.sweep_every", "from 1s to 7d"),
    ("schedule: {observe_every: 5 minutes}", "schedule.observe_every", "duration"),
    ("schedule: {observe_every: }", "schedule.observe_every", "duration"),
    ("schedule: {reconcile_at: 24:00}", "schedule.reconcile_at", "00:00 to 23:59"),
    ("schedule: {reconcile_at: 6am}", "schedule.reconcile_at", "00:00 to 23:59"),
    ("schedule: {timezone: Mars/Olympus}", "schedule.timezone", "Europe/Berlin"),
    ("schedule: {timezone: ../../etc/passwd}", "schedule.timezone", "Europe/Berlin"),
    ("schedule: {timezone: ''}", "schedule.timezone", "Europe/Berlin"),
    # aging
    ("report: {aging_by: today}", "report.aging_by", "one of due, invoice"),
    ("report: {aging_days: 30}", "report.aging_days", "like [30, 60, 90]"),
    ("report: {aging_days: []}", "report.aging_days", "1 to 4 whole numbers"),
    ("report: {aging_days: [30, 30]}", "report.aging_days", "larger than the one before"),
    ("report: {aging_days: [60, 30]}", "report.aging_days", "larger than the one before"),
    ("report: {aging_days: [0, 30]}", "report.aging_days", "from 1 to 3650"),
    ("report: {aging_days: [30, 3651]}", "report.aging_days", "from 1 to 3650"),
    ("report: {aging_days: [30, 'x']}", "report.aging_days", "whole numbers"),
    ("report: {aging_days: [true]}", "report.aging_days", "whole numbers"),
    ("report: {aging_days: [1, 2, 3, 4, 5]}", "report.aging_days", "1 to 4"),
    ("report: {aging: due}", "report.aging", "aging_by"),
    # addresses
    ("core: {base_url: 'http://api.metronome.com'}", "core.base_url", "https only"),
    ("core: {base_url: 'ftp://x.com'}", "core.base_url", "no URL"),
    ("core: {base_url: metronome}", "core.base_url", "no URL"),
    ("core: {base_url: 'https://'}", "core.base_url", "no URL"),
    ("core: {base_url: 'https://x.com:99999'}", "core.base_url", "no URL"),
    ("core: {base_url: 'https://me:pw@x.com'}", "core.base_url", "user name"),
    ("core: {base_url: 'https://x.com/?a=b'}", "core.base_url", "base address"),
    ("core: {base_url: 'https://169.254.169.254'}", "core.base_url", "inside a network"),
    ("core: {base_url: 'https://10.0.0.1'}", "core.base_url", "inside a network"),
    ("core: {base_url: 'https://[fe80::1]'}", "core.base_url", "inside a network"),
    ("core: {base_url: 'https://[::1'}", "core.base_url", "no URL"),
    ("stripe: {api_base: 'https://api.stripe.com.evil.example', api_key: env:A}", "stripe.api_base", "https://api.stripe.com"),
    ("stripe: {api_base: 'https://api.stripe.com'}", "stripe.api_key", "is needed"),
    ("stripe: {mode: live, api_key: env:A, api_base: 'http://127.0.0.1:1'}", "stripe.api_base", "live"),
    ("stripe: {account: me}", "stripe.account", "acct_"),
    ("state: {url: 'mysql://x/y'}", "state.url", "sqlite:///PATH"),
    ("state: {url: 'sqlite:///'}", "state.url", "sqlite:///PATH"),
    ("state: {url: 'postgresql+psycopg://u:hunter2@h/d'}", "state.url", "carries a password"),
    # what is needed together
    ("core: {kind: metronome}", "core.token", "is needed"),
    ("core: {base_url: 'http://127.0.0.1:8422'}", "core.token", "is needed"),
    ("stripe: {mode: test}", "stripe.api_key", "is needed in mode test"),
    ("stripe: {mode: live}", "stripe.api_key", "is needed in mode live"),
    ("erp: [{name: a, kind: file, folder: x}, {name: a, kind: file, folder: y}]", "erp[1].name", "a is taken"),
    ("erp: [{name: stripe, kind: file, folder: x}]", "erp[0].name", "stripe is taken"),
    # references
    ("core: {token: abc}", "core.token", "env:NAME or file:PATH"),
    ("core: {token: 'env:'}", "core.token", "environment variable"),
    ("core: {token: 'env:A B'}", "core.token", "environment variable"),
    ("core: {token: 'file:'}", "core.token", "name a file"),
    ("core: {token: 'vault:x'}", "core.token", "env:NAME or file:PATH"),
    ("notify: ['https://hooks.example/x']", "notify[0]", "env:NAME or file:PATH"),
    ("core: {data_dir: ''}", "core.data_dir", "1 to 1000 characters"),
    # YAML itself
    ("a: [1", "line 1, column 6", "brackets and quotes"),
    ("entity: a\n\tcore: x", "line 2, column 1", "indent with spaces"),
    ("entity: a: b", "line 1, column 10", "colon"),
    ("entity: 'a", "line 1", "quotes"),
    ("entity: a\nentity: b", "line 2, column 1", "entity stands here again"),
    ("core: {kind: embedded, kind: metronome}", "column 24", "kind stands here again"),
    ("entity: &x a\ncore: *x", "line 2, column 7", "aliases"),
    ("core: {<<: {kind: embedded}}", "line 1, column 8", "merging"),
    ("entity: !!python/name:os.system x", "line 1, column 9", "tags"),
    ("---\nentity: a\n---\nentity: b", "line 3", "second document"),
    ("entity: a\x07b", "line 1, column 10", "control character"),
    ("? [a]\n: b", "line 1, column 3", "one word"),
    (DEEP, "line 1", "too deep"),
    ("entity", "config.yaml", "holds no keys"),
    ("- a\n- b", "config.yaml", "holds no keys"),
]  # fmt: skip


def told(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as wrong:
        parse(text.encode() if isinstance(text, str) else text)
    return str(wrong.value)


@pytest.mark.parametrize(("text", "where", "says"), BAD)
def test_each_mistake_names_its_key_and_its_remedy(
    text: str, where: str, says: str
) -> None:
    said = told(text)
    assert where in said
    assert says in said
    assert "hunter2" not in said
    assert all(line.startswith("config.yaml") for line in said.splitlines())


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "sk_test_4eC39HqLyj",
        "rk_live_4eC39HqLyj",
        "whsec_4eC39HqLyj",
        "0123456789abcdef0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdEFGH1234",
        "env:sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "https://api.example.com/sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    ],
)
@pytest.mark.parametrize("key", ["api_key", "account", "api_base", "mode", "unheard_of"])
def test_a_value_that_looks_like_a_key_is_refused_and_never_shown(
    secret: str, key: str
) -> None:
    said = told(f"stripe: {{{key}: '{secret}'}}")
    assert f"stripe.{key}: looks like a secret" in said
    assert secret[8:16] not in said


def test_a_secret_in_the_place_of_a_key_or_group_is_not_shown_either() -> None:
    assert "4eC39" not in told("sk_live_4eC39HqLyj: 1")
    assert "4eC39" not in told("stripe: sk_live_4eC39HqLyj")
    assert "4eC39" not in told("notify: [{a: sk_live_4eC39HqLyj}]")
    assert "4eC39" not in told("sk_live_4eC39HqLyj: 1\nsk_live_4eC39HqLyj: 2")


def test_every_problem_is_told_at_once_each_on_its_own_line_with_its_line() -> None:
    said = told("entity: a\nstripe:\n  mode: prod\n  finalize: 3\nweb: {port: 0}\nx: 1\n")
    assert [line.split(": ")[0] for line in said.splitlines()] == [
        "config.yaml:3",
        "config.yaml:4",
        "config.yaml:5",
        "config.yaml:6",
    ]


def test_a_file_that_is_not_utf_8_says_where() -> None:
    assert "line 2, column 4" in told(b"entity: a\n# \xc3\xb6\xff")


def test_a_message_cannot_carry_a_line_break_or_a_screen_code() -> None:
    said = told('"a\\nb\\x1b[31m": 1')
    assert "\n" not in said
    assert "\x1b" not in said


def told_or_taken(text: bytes) -> str:
    try:
        parse(text)
    except ConfigError as wrong:
        return str(wrong)
    return "taken"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_settings_or_a_configuration_error(text: bytes) -> None:
    assert told_or_taken(text).startswith(("config.yaml", "taken"))


_LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just([1])


@given(st.sampled_from(sorted(map(shown, every_path(Settings)))), _LEAF)
def test_any_value_at_any_key_is_taken_or_told_with_its_key(key: str, value: Any) -> None:
    body: Any = value
    for step in reversed(re.split(r"\.", key.replace("[0]", ".0"))):
        body = [body] if step == "0" else {step: body}
    text = told_or_taken(json.dumps(body).encode())
    assert text == "taken" or re.split(r"[.\[]", key)[0] in text or "line 1" in text
    assert len(text) < 2000


# --- what is sound -------------------------------------------------------------------
def test_without_a_file_everything_is_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load() == Settings()
    (tmp_path / "config.yaml").write_text("entity: acme-us\n")
    assert load().entity == "acme-us"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read: No such file"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="over 1000000 bytes"):
        load(large)


@pytest.mark.parametrize("text", ["", "# nothing\n", "stripe:\npolicy:\nerp:\nnotify:\n"])
def test_an_empty_file_and_empty_groups_are_the_defaults(text: str) -> None:
    assert parse(text.encode()) == Settings()


def test_times_and_durations_are_read_as_they_look() -> None:
    settings = parse(
        b"schedule: {poll_every: 90s, sweep_every: 1d, reconcile_at: 10:30, timezone: Europe/Berlin}"
    )
    assert settings.schedule == Schedule(
        poll_every="90s",  # type: ignore[arg-type]  # as in the file
        sweep_every="1d",  # type: ignore[arg-type]
        reconcile_at="10:30",
        timezone="Europe/Berlin",
    )
    assert settings.schedule.poll_every == 90


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().entity = "other"


def test_the_state_url_may_be_a_reference() -> None:
    assert parse(b"state: {url: 'env:DATABASE_URL'}").state.url == "env:DATABASE_URL"


# --- the example and the limits ----------------------------------------------------------
def uncommented() -> str:
    return re.sub(r"(?m)^( *)#(?=[a-z_]+:)", r"\1", EXAMPLE.read_text())


def test_the_example_loads_and_every_commented_default_is_the_default() -> None:
    assert parse(EXAMPLE.read_bytes()) == Settings()
    assert parse(uncommented().encode()) == Settings()


def test_the_example_names_every_key() -> None:
    import yaml

    example = yaml.safe_load(uncommented())
    for path in every_path(Settings):
        if path[0] == "erp" and len(path) > 1:
            assert re.search(rf"(?m)^#   {path[-1]} ", EXAMPLE.read_text()), path
            continue
        here = example
        for step in path:
            assert step in here, f"{shown(path)} is not in config.example.yaml"
            here = here[step]


def test_the_example_says_the_limit_of_every_number() -> None:
    text = EXAMPLE.read_text()
    for path in every_path(Settings):
        limits = re.fullmatch(
            r"a whole number from (\d+) to (\d+)", allowed(path, Settings)
        )
        if path[0] == "schedule":
            assert "1s to 7d" in text
        elif limits is not None:
            comment = re.search(rf"((?:  # .*\n)+)  #{path[-1]}:", text)
            assert comment is not None
            assert f"{limits[1]} to {limits[2]}" in comment[1], shown(path)


def parts_of(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A group of keys and every group in it."""
    found = [model]
    for part in model.__subclasses__():
        found += parts_of(part)
    return found


def test_every_setting_has_a_limit() -> None:
    for path in every_path(Settings):
        text = allowed(path, Settings)
        assert "None" not in text, shown(path)
        assert text != "text", shown(path)
    assert len(parts_of(Part)) >= 11
    for model in parts_of(Part):
        assert model.model_config.get("extra") == "forbid"
        assert model.model_config.get("frozen") is True
