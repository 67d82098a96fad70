"""The web frame on the wire: token, errors, bodies, idempotency keys, paging, the clock."""

import http.client
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from metronome import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    Metronome,
    NotFoundError,
)

from connectors.localcore import service, web
from connectors.localcore.errors import CoreUnavailable
from tests.connectors.localcore.conftest import BEGIN, TOKEN, Core

FEB = datetime(2026, 2, 1, tzinfo=UTC)


def a_key(core: Core, key: str, body: Any, path: str = "/v1/customers") -> Any:
    return core.call("POST", path, body, headers={"Idempotency-Key": key})


def audit_ids(core: Core) -> list[str]:
    rows = core.call("GET", "/v1/auditLogs").json()["data"]
    return [row["resource_id"] for row in rows]


# --- refusals ------------------------------------------------------------------------


def test_no_answer_without_the_token(core: Core) -> None:
    with core.sdk("wrong", max_retries=0) as client, pytest.raises(AuthenticationError):
        client.v1.customers.list()
    for headers in ({"Authorization": ""}, {"Authorization": f"Basic {TOKEN}"}):
        answer = core.call("GET", "/v1/no-such-path", headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"message": "the bearer token is missing or wrong"}


def test_unknown_paths_and_verbs_are_json_errors(core: Core) -> None:
    assert core.refusal("/v1/nothing", None, "GET") == (404, "no such path: /v1/nothing")
    assert core.refusal("/v1/customers/", None, "GET")[0] == 404
    assert core.refusal("/v1/customers", None, "DELETE") == (
        405,
        "/v1/customers does not take DELETE",
    )


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{", "the body is not valid JSON"),
        (b'{"name": NaN}', "the body is not valid JSON: NaN is not JSON"),
        (
            b'{"name": 1e999999}',
            "the body is not valid JSON: the number 1e999999 is out of",
        ),
        (b"[" * 100_000, "the body is not valid JSON: nested too deeply"),
        (b"\xff\xfe{", "the body is not valid JSON"),
        (b"[]", "body must be a JSON object"),
        (b'{"name": 5}', "name must be a string that is not empty"),
        (b'{"name": null}', "name is required"),
        (b"", "name is required"),
        (b'{"nane": "x"}', "nane is not a known field; did you mean name?"),
        (b'{"name": "x", "ingest_aliases": "a"}', "ingest_aliases must be a list"),
        (b'{"name": "x", "ingest_aliases": [1]}', "ingest_aliases[0] must be a string"),
    ],
)
def test_a_bad_body_is_refused_by_name(core: Core, raw: bytes, message: str) -> None:
    answer = core.call("POST", "/v1/customers", raw=raw)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


def test_a_body_over_the_limit_is_refused(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "BODY_BYTES_MAX", 1000)
    status, message = core.refusal("/v1/customers", {"name": "x" * 1000})
    assert (status, message) == (413, "the body is over 1000 bytes: send smaller batches")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit must be between 1 and 100"),
        ("limit=101", "limit must be between 1 and 100"),
        ("limit=ten", "limit must be a whole number"),
        ("only_archived=yes", "only_archived must be true or false"),
        ("next_page=zzz", "next_page is not a cursor of this list"),
        ("next_page=%20%C3%A9", "next_page is not a cursor of this list"),
        ("archived=true", "archived is not a known field; did you mean only_archived?"),
    ],
)
def test_a_bad_query_is_refused_by_name(core: Core, query: str, message: str) -> None:
    status, text = core.refusal(f"/v1/customers?{query}", None, "GET")
    assert status == 400
    assert text.startswith(message)


def test_the_sdk_sends_a_conflict_once(core: Core) -> None:
    """The SDK repeats a 409 twice unless the answer says that it should not."""
    with core.sdk(max_retries=2) as client:
        client.v1.customers.create(name="Acme", ingest_aliases=["acme"])
        with pytest.raises(ConflictError) as caught:
            client.v1.customers.create(name="Acme", ingest_aliases=["acme"])
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


def test_an_unexpected_failure_changes_nothing_and_is_logged(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> dict[str, str]:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("connectors.localcore.custom_fields.values_of", broken)
    answer = core.call("POST", "/v1/customers", {"name": "Acme"})
    assert (answer.status_code, answer.json()) == (
        500,
        {"message": "the core failed on this call; its log has the reason"},
    )
    assert any("disk on fire" in line for line in core.log)
    monkeypatch.undo()
    assert core.call("GET", "/v1/customers").json()["data"] == []
    assert audit_ids(core) == []


# --- idempotency keys ----------------------------------------------------------------


def test_a_repeat_under_its_key_gives_the_first_answer_again(core: Core) -> None:
    first = a_key(core, "k", {"name": "Acme", "ingest_aliases": ["a"]})
    again = a_key(core, "k", {"ingest_aliases": ["a"], "name": "Acme"})
    assert again.text == first.text
    assert again.headers["idempotent-replayed"] == "true"
    assert len(audit_ids(core)) == 1


def test_the_official_client_can_send_the_key(sdk: Metronome) -> None:
    headers = {"Idempotency-Key": "k"}
    made = [
        sdk.v1.customers.create(name="Acme", extra_headers=headers).data.id
        for _ in range(2)
    ]
    assert made[0] == made[1]
    with pytest.raises(
        ConflictError, match="Idempotency-Key was used with other parameters"
    ):
        sdk.v1.customers.create(name="Other", extra_headers=headers)


def test_a_refusal_is_kept_under_its_key_too(core: Core) -> None:
    core.post("/v1/customers", {"name": "Acme", "ingest_aliases": ["a"]})
    body = {"name": "Other", "ingest_aliases": ["a"]}
    first = a_key(core, "k", body)
    assert first.status_code == 409
    holder = core.call("GET", "/v1/customers").json()["data"][0]["id"]
    core.post(f"/v1/customers/{holder}/setIngestAliases", {"ingest_aliases": []})
    again = a_key(core, "k", body)
    assert (again.status_code, again.text) == (409, first.text)
    assert a_key(core, "k2", body).status_code == 200


def test_a_500_is_kept_under_its_key_and_its_work_undone(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> dict[str, str]:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("connectors.localcore.custom_fields.values_of", broken)
    assert a_key(core, "k", {"name": "Acme"}).status_code == 500
    monkeypatch.undo()
    assert a_key(core, "k", {"name": "Acme"}).status_code == 500
    assert core.call("GET", "/v1/customers").json()["data"] == []


@pytest.mark.parametrize(("hours", "customers"), [(24, 1), (49, 2)])
def test_a_kept_answer_lives_for_more_than_a_day(
    core: Core, hours: int, customers: int
) -> None:
    a_key(core, "k", {"name": "Acme"})
    core.to(BEGIN + timedelta(hours=hours))
    a_key(core, "k", {"name": "Acme"})
    assert len(core.call("GET", "/v1/customers").json()["data"]) == customers


def test_many_at_once_under_one_key_do_the_work_once(core: Core) -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(a_key(core, "k", {"name": "A"}).text)
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert len(audit_ids(core)) == 1


def test_many_writers_at_once_all_land(core: Core) -> None:
    def work(n: int) -> None:
        core.post("/v1/customers", {"name": f"C{n}", "ingest_aliases": [f"c{n}"]})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = core.call("GET", "/v1/customers").json()["data"]
    assert {row["name"] for row in rows} == {f"C{n}" for n in range(12)}


# --- paging --------------------------------------------------------------------------


def test_a_cursor_is_good_for_its_own_list_and_filters_only(core: Core) -> None:
    for n in range(3):
        core.post("/v1/customers", {"name": f"C{n}"})
    page = core.call("GET", "/v1/customers?limit=1").json()
    cursor = page["next_page"]
    following = core.call("GET", f"/v1/customers?limit=2&next_page={cursor}").json()
    assert [row["name"] for row in following["data"]] == ["C1", "C2"]
    assert following["next_page"] is None
    for path in (
        f"/v1/billable-metrics?next_page={cursor}",
        f"/v1/customers?only_archived=true&next_page={cursor}",
    ):
        assert core.refusal(path, None, "GET")[0] == 400


def test_a_page_that_is_exactly_full_has_no_next(core: Core) -> None:
    for n in range(2):
        core.post("/v1/customers", {"name": f"C{n}"})
    assert core.call("GET", "/v1/customers?limit=2").json()["next_page"] is None


# --- the audit log ---------------------------------------------------------------------


def test_the_audit_log_goes_on_from_its_cursor_for_ever(sdk: Metronome, core: Core) -> None:
    ids = [sdk.v1.customers.create(name=f"C{n}").data.id for n in range(3)]
    first = sdk.v1.audit_logs.list(limit=2)
    assert [row.resource_id for row in first.data] == ids[:2]
    second = sdk.v1.audit_logs.list(next_page=first.next_page or "")
    assert [row.resource_id for row in second.data] == ids[2:]
    empty = sdk.v1.audit_logs.list(next_page=second.next_page or "")
    assert empty.data == []
    assert empty.next_page
    later = sdk.v1.customers.create(name="Later").data.id
    last = sdk.v1.audit_logs.list(next_page=empty.next_page)
    assert [row.resource_id for row in last.data] == [later]
    assert last.data[0].status == "success"
    assert last.data[0].request.id


def test_the_audit_log_filters_by_time_and_resource_and_sorts(
    sdk: Metronome, core: Core
) -> None:
    old = sdk.v1.customers.create(name="Old").data.id
    core.to(FEB)
    new = sdk.v1.customers.create(name="New").data.id
    sdk.v1.customers.set_name(customer_id=old, name="Renamed")
    since = sdk.v1.audit_logs.list(starting_on=FEB).data
    assert [row.resource_id for row in since] == [new, old]
    until = sdk.v1.audit_logs.list(ending_before=FEB).data
    assert [row.resource_id for row in until] == [old]
    one = sdk.v1.audit_logs.list(
        resource_type="customer", resource_id=old, sort="date_desc"
    )
    assert [row.action for row in one.data] == ["update", "create"]


def test_the_window_of_the_audit_log_travels_in_its_cursor(
    sdk: Metronome, core: Core
) -> None:
    ids = [sdk.v1.customers.create(name=f"C{n}").data.id for n in range(3)]
    core.to(FEB)
    sdk.v1.customers.create(name="Outside")
    page = sdk.v1.audit_logs.list(ending_before=FEB, limit=2, sort="date_desc")
    assert [row.resource_id for row in page.data] == [ids[2], ids[1]]
    rest = sdk.v1.audit_logs.list(next_page=page.next_page or "", sort="date_desc")
    assert [row.resource_id for row in rest.data] == [ids[0]]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("resource_id=x", "resource_id and resource_type go together"),
        ("starting_on=2026-01-01T00:00:00Z&next_page=x", "starting_on cannot be used with"),
        ("sort=newest", "sort must be one of date_asc, date_desc"),
    ],
)
def test_a_wrong_audit_query_is_refused(core: Core, query: str, message: str) -> None:
    status, text = core.refusal(f"/v1/auditLogs?{query}", None, "GET")
    assert status == 400
    assert text.startswith(message)


def test_a_time_without_a_zone_is_utc(sdk: Metronome, core: Core) -> None:
    """The SDK writes a naive datetime with no zone."""
    core.to(FEB)
    made = sdk.v1.customers.create(name="Acme").data.id
    naive = datetime(2026, 2, 1)  # noqa: DTZ001 -- the case is about naive times
    rows = sdk.v1.audit_logs.list(starting_on=naive).data
    assert [row.resource_id for row in rows] == [made]
    assert (
        sdk.v1.audit_logs.list(starting_on=naive + timedelta(microseconds=1000)).data == []
    )


# --- the clock, the folder, the process -------------------------------------------------


def test_the_clock_moves_forward_only_and_in_every_process(
    core: Core, sdk: Metronome
) -> None:
    assert service.now(core.data_dir) == BEGIN
    core.to(FEB)
    assert service.now(core.data_dir) == FEB
    made = sdk.v1.customers.create(name="Acme").data.id
    assert sdk.v1.customers.retrieve(customer_id=made).data.created_at == FEB
    with pytest.raises(CoreUnavailable, match="a clock moves forward only"):
        core.to(BEGIN)


def test_a_real_clock_is_not_set(tmp_path: Path) -> None:
    service.start(tmp_path, clock_kind="real", wall=lambda: BEGIN).stop()
    with pytest.raises(CoreUnavailable, match="runs on the real clock"):
        service.set_clock(tmp_path, FEB)


def test_a_restart_keeps_clock_and_records(tmp_path: Path) -> None:
    first = service.start(tmp_path, token=TOKEN, clock_kind="manual", now=BEGIN)
    core = Core(first.url, tmp_path, [])
    made = core.post("/v1/customers", {"name": "Acme"})["data"]["id"]
    core.to(FEB)
    first.stop()
    log: list[str] = []
    with service.start(
        tmp_path, token=TOKEN, clock_kind="manual", now=BEGIN, log=log.append
    ) as second:
        again = Core(second.url, tmp_path, log)
        assert again.call("GET", f"/v1/customers/{made}").json()["data"]["name"] == "Acme"
        assert service.now(tmp_path) == FEB
    assert "the clock stays at 2026-02-01T00:00:00Z" in log[0]
    with pytest.raises(CoreUnavailable, match="were begun with a manual clock and keep it"):
        service.start(tmp_path, clock_kind="real")


def test_one_folder_has_one_server(core: Core) -> None:
    with pytest.raises(CoreUnavailable, match="another core is serving"):
        service.start(core.data_dir)


def test_a_taken_port_is_one_line(core: Core, tmp_path: Path) -> None:
    port = int(core.url.rsplit(":", 1)[1])
    with pytest.raises(CoreUnavailable, match=f"--port {port}: cannot listen there"):
        service.start(tmp_path / "other", port=port)


def test_a_folder_without_books_has_no_time(tmp_path: Path) -> None:
    with pytest.raises(CoreUnavailable, match="start `tieout core serve --data"):
        service.now(tmp_path)


def test_books_of_another_version_are_refused(tmp_path: Path) -> None:
    books = service.open_books(tmp_path)
    with books.write() as tx:
        tx.execute("PRAGMA user_version = 99")
    books.close()
    with pytest.raises(CoreUnavailable, match="is version 99 of the core's books"):
        service.open_books(tmp_path)
    (tmp_path / "core.db").write_bytes(
        b"no database at all, but long enough to be read" * 99
    )
    with pytest.raises(CoreUnavailable, match="cannot be used: file is not a database"):
        service.open_books(tmp_path)


def test_the_token_is_made_once_and_kept_private(tmp_path: Path) -> None:
    log: list[str] = []
    options: dict[str, Any] = {"port": 0, "token": None, "clock_kind": None, "now": None}
    for _ in range(2):
        handle = service.prepare(tmp_path, log=log.append, **options)
        handle.run_in_thread()
        token = (tmp_path / "token").read_text().strip()
        with Metronome(bearer_token=token, base_url=handle.url) as client:
            assert list(client.v1.customers.list()) == []
        handle.stop()
    assert log == [f"the bearer token is in {tmp_path / 'token'}"] * 2
    assert (tmp_path / "token").stat().st_mode & 0o077 == 0
    assert token not in " ".join(log)


def test_a_connection_kept_open_does_not_hold_the_stop(tmp_path: Path) -> None:
    handle = service.start(tmp_path, token=TOKEN)
    port = int(handle.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/v1/customers", headers={"Authorization": f"Bearer {TOKEN}"})
    assert connection.getresponse().read() == b'{"data":[],"next_page":null}'
    handle.stop()
    connection.close()
    service.start(tmp_path, token=TOKEN).stop()


def test_every_error_class_of_the_sdk_is_the_right_one(sdk: Metronome) -> None:
    with pytest.raises(NotFoundError):
        sdk.v1.billable_metrics.retrieve(billable_metric_id="nobody")
    with pytest.raises(BadRequestError, match="limit must be between 1 and 100"):
        sdk.v1.customers.list(limit=500)
    with pytest.raises(APIStatusError) as caught:
        sdk.post("/v1/customers/x/y/z", cast_to=object)
    assert caught.value.status_code == 404
