"""Original, void, regenerated, again: what the versions of one invoice show only together."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.chains import ChainResult, Version, chain_findings
from sync.classify import Kind

VOID, ALIVE = "VOID", "FINALIZED"
BROKEN, DOUBLE, WAITS = Kind.BROKEN_LINEAGE, Kind.DOUBLE_BILLED, Kind.REPLACEMENT_OF_PAID
NEVER = Kind.VOIDED_NOT_REBILLED


def version(
    name: str,
    status: str,
    before: str | None = None,
    *,
    due: int = 0,
    net: int = 0,
    live: bool | None = None,
    paid: bool = False,
) -> Version:
    return Version(
        name, status, before, due, net, bool(net) if live is None else live, paid
    )


def alive(
    name: str, before: str | None = None, net: int | None = None, **more: bool
) -> Version:
    """FINALIZED, at 900; billed with that amount unless said."""
    return version(name, ALIVE, before, due=900, net=900 if net is None else net, **more)


GONE = version("a", VOID)  # void, and nothing stands downstream any more
STILL = version("a", VOID, net=1_000)  # void, and the customer still holds it
CASES: dict[str, tuple[list[Version], list[tuple[Kind, int, str]]]] = {
    "no version": ([], []),
    "one, alive and billed": ([alive("a")], []),
    "void and re-billed": ([GONE, alive("b", "a")], []),
    "void twice and re-billed": ([GONE, version("b", VOID, "a"), alive("c", "b")], []),
    "void, and nothing follows": ([GONE], [(NEVER, 0, "a is void and nothing replaces it")]),
    "void again, and nothing follows": (
        [GONE, version("b", VOID, "a")], [(NEVER, 0, "b is void and nothing replaces it")],
    ),
    "both are billed": ([STILL, alive("b", "a")], [(DOUBLE, 1_000, "a, b are all billed")]),
    "three are billed": (
        [STILL, version("b", VOID, "a", net=950), alive("c", "b")],
        [(DOUBLE, 1_950, "a, b, c are all billed")],
    ),
    "the first is credited in part": (
        [replace(STILL, net_minor=1), alive("b", "a")], [(DOUBLE, 1, "a, b are all billed")],
    ),
    "the first is credited in full": ([replace(STILL, net_minor=0), alive("b", "a")], []),
    "the first is credited with too much": ([replace(STILL, net_minor=-5), alive("b", "a")], []),
    "a void document has no amount": ([replace(STILL, live=False), alive("b", "a")], []),
    "both void, and the first still billed": (
        [STILL, version("b", VOID, "a")], [(NEVER, 0, "b is void and nothing replaces it")],
    ),
    "the first took money, and the other waits": (
        [replace(STILL, paid=True), alive("b", "a", 0)], [(WAITS, 1_000, "b waits, because a took money")],
    ),
    "two took money": (
        [replace(STILL, paid=True), version("b", VOID, "a", net=950, paid=True), alive("c", "b", 0)],
        [(DOUBLE, 1_050, "a, b are all billed"), (WAITS, 1_950, "c waits, because a, b took money")],
    ),
    "it took money, and was credited in full": (
        [replace(STILL, paid=True, net_minor=0), alive("b", "a", 0)], [],
    ),
    "it is open, and the other waits for no money": ([STILL, alive("b", "a", 0)], []),
    "it took money, and the other is billed all the same": (
        [replace(STILL, paid=True), alive("b", "a")], [(DOUBLE, 1_000, "a, b are all billed")],
    ),
    "it took money, and the other is a draft": (
        [replace(STILL, paid=True), version("b", "DRAFT", "a")], [],
    ),
    "the last took money itself": ([GONE, alive("b", "a", paid=True)], []),
    "the last took money and was voided after": (
        [version("a", VOID, net=5, paid=True)], [(NEVER, 0, "a is void and nothing replaces it")],
    ),
    "it names another": (
        [GONE, alive("b", "x")], [(BROKEN, 0, "b does not name a, which it replaces")],
    ),
    "it names none": ([GONE, alive("b")], [(BROKEN, 0, "b does not name a, which it replaces")]),
    "both are alive in the core, one billed": (
        [alive("a", net=0), alive("b", "a")],
        [(BROKEN, 0, "a is alive in the core and so is b")],
    ),
    "both are alive in the core, and billed": (
        [alive("a"), alive("b", "a")],
        [(BROKEN, 0, "a is alive in the core and so is b"), (DOUBLE, 0, "a, b are all billed")],
    ),
    "alive and not named": (
        [alive("a", net=0), alive("b")], [(BROKEN, 0, "b does not name a, which it replaces")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_chain_shows(name: str) -> None:
    versions, expected = CASES[name]
    assert chain_findings(versions) == [ChainResult(*one) for one in expected]


VERSIONS = st.lists(
    st.builds(
        version,
        st.sampled_from("abc"),
        st.sampled_from(["DRAFT", ALIVE, VOID]),
        st.none(),
        due=st.integers(0, 50),
        net=st.integers(-10, 60),
        live=st.booleans(),
        paid=st.booleans(),
    ),
    max_size=4,
)


@given(some=VERSIONS)
def test_a_customer_never_owes_one_debt_twice_in_silence(some: list[Version]) -> None:
    """Wherever two documents ask for money, it is said, with what is asked for too much."""
    some = [
        replace(one, core_id=f"v{n}", regenerated_from=f"v{n - 1}" if n else None)
        for n, one in enumerate(some)
    ]
    asked = [one.net_minor for one in some if one.live and one.net_minor > 0]
    found = {one.kind: one.exposure for one in chain_findings(some)}
    assert (DOUBLE in found) == (len(asked) > 1)
    if DOUBLE in found:
        assert found[DOUBLE] == sum(asked) - sum(one.core_minor for one in some)
