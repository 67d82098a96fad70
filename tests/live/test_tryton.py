"""The register contract against a real Tryton, and its robot's refusals."""

import json
from collections.abc import Iterator

import pytest
import requests

from tests.contracts.registers import RegisterContract
from tests.live.servers import Server
from tests.live.tryton_desk import TrytonDesk


@pytest.fixture(scope="module")
def tryton_desk(tryton: Server) -> Iterator[TrytonDesk]:
    made = TrytonDesk(tryton)
    yield made
    made.close()


class TestTrytonLive(RegisterContract):
    pages_of = 9  # Tryton posts one or two invoices a second

    @pytest.fixture
    def desk(self, tryton_desk: TrytonDesk) -> TrytonDesk:
        return tryton_desk


def test_the_read_only_robot_may_not_void(tryton: Server, tryton_desk: TrytonDesk) -> None:
    name = tryton_desk.invoice("core-robot-1", 100)
    key = json.loads(tryton.keys.read_text())["robot"]["key"]
    for act in ("cancel", "draft", "post"):
        answer = requests.post(
            f"{tryton.url}/erp/rest/model/account.invoice/{name}/{act}",
            json={},
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )
        assert answer.status_code in {400, 403}, answer.text
        assert "not allowed" in answer.text
    (page,) = tryton_desk.register.look_again([name])
    assert page.documents[0].native_status == "posted"
