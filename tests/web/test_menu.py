"""The menu: few entries for everybody, and every page that a role may see in at most two steps."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import get_args

import pytest

from tests.web.conftest import World
from tunewell.people.accounts import AccountRole
from tunewell.web.menu import FEW, PAGES, menu_of

ROLES = get_args(AccountRole)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_sees_many_entries_and_every_page_is_at_most_two_steps_away(role: str) -> None:
    seen = {page.address for page in PAGES if role in page.roles}
    reached = set()
    for entry in menu_of(role, "/").entries:
        menu = menu_of(role, entry.address)
        assert len(menu.entries) <= FEW
        assert len(menu.pages) <= FEW
        reached |= {entry.address, *(link.address for link in menu.pages)}
    assert reached == seen


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", [page.address for page in PAGES])
def test_no_two_entries_have_one_name_and_one_place_is_marked(role: str, path: str) -> None:
    menu = menu_of(role, path)
    for row in (menu.entries, menu.pages):
        names = [link.name for link in row]
        assert len(names) == len(set(names))
    both = [link.name for link in (*menu.entries, *menu.pages)]
    assert len(both) == len(set(both))
    is_seen = path in {page.address for page in PAGES if role in page.roles}
    marked = [link.current for link in menu.entries if link.current]
    assert marked == (["true" if menu.pages else "page"] if is_seen else [])
    of_pages = [link.address for link in menu.pages if link.current == "page"]
    assert of_pages == ([path] if menu.pages and is_seen else [])


@pytest.mark.parametrize(
    ("path", "section", "name"),
    [
        ("/batches/b1/items/r7", "Work", "Batches"),
        ("/decide/b1", "Work", "Batches"),
        ("/plan", "Work", "Batches"),
        ("/work/b1", "Work", "My work"),
        ("/comparisons/spring", "Work", "Compare"),
        ("/data/row", "Evidence", "Data"),
        ("/decisions", "Decisions", "Decide"),
    ],
)
def test_a_page_behind_another_belongs_to_it(path: str, section: str, name: str) -> None:
    menu = menu_of("owner", path)
    assert menu.section == section
    assert [link.name for link in menu.pages if link.current] == [name]


def test_a_page_without_a_place_opens_no_section() -> None:
    menu = menu_of("owner", "/account")
    assert menu.pages == ()
    assert not [link for link in menu.entries if link.current]
    # A beginning is not enough: it has to be a whole part of the address.
    assert not menu_of("owner", "/peoples").pages


def test_sections_stand_together() -> None:
    sections = [page.section for page in PAGES]
    changes = sum(one != other for one, other in pairwise(sections))
    assert changes == len(set(sections)) - 1


def test_an_owner_finds_pages_by_section(world: World) -> None:
    owner = world.client("ann", "owner")
    html = owner.client.get("/watch").text
    rows = re.findall(r'<nav[^>]*aria-label="([^"]+)">(.*?)</nav>', html, re.S)
    assert [label for label, _ in rows][:2] == ["Menu", "Pages of Evidence"]
    names = [re.findall(r">([^<>]+)</a>", row) for _, row in rows[:2]]
    assert names == [
        ["Home", "Work", "Evidence", "Decisions", "Team"],
        ["Data", "Experiments", "Watch"],
    ]
