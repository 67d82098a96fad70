"""Whoever acts is named; two spellings of a name are one person."""

import pytest

from sync.persons import NAME_MAX, Nameless, person, same


@pytest.mark.parametrize("name", ["", " ", "\t", "a\nb", "\u00a0", "\u202eann", "x" * 101])
def test_a_name_that_nobody_has_is_refused(name: str) -> None:
    with pytest.raises(Nameless, match=r"^--approver: .*name"):
        person(name, "--approver")


def test_a_name_is_kept_without_the_spaces_around_it() -> None:
    assert person(" Ann Chovey ") == "Ann Chovey"
    assert person("x" * NAME_MAX) == "x" * NAME_MAX


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("ann", "Ann", True),
        ("Ann  Chovey", "ann chovey ", True),
        ("\uff41nn", "ann", True),  # full width
        ("ann", "anna", False),
    ],
)
def test_who_is_one_person(one: str, other: str, *, is_one: bool) -> None:
    assert same(one, other) is is_one
