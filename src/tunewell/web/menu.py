"""The menu on top of every page: a few sections, and the pages of the one that is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

STAFF: Final = frozenset({"owner", "engineer"})
EVERYBODY: Final = STAFF | {"expert", "guest"}
FEW: Final = 5
"""So many pages are a menu by themselves; more are grouped."""


@dataclass(frozen=True)
class Page:
    """A page that has a place in the menu.

    Attributes:
        address: Where it is.
        name: What its link says.
        section: What it belongs to.
        roles: Who sees it.
        further: Beginnings of the addresses of pages behind it that have no place of their own.
    """

    address: str
    name: str
    section: str
    roles: frozenset[str]
    further: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether a path is this page or one behind it."""
        if path == self.address:
            return True
        behind = (*self.further, f"{self.address}/" if self.address != "/" else "/work/")
        return path.startswith(behind)


PAGES: Final = (
    Page("/home", "Home", "Home", STAFF),
    Page("/", "My work", "Work", EVERYBODY | {"agent"}),
    Page("/inbox", "Inbox", "Work", frozenset({"agent"})),
    Page("/compare", "Compare", "Work", EVERYBODY, ("/comparisons",)),
    Page("/batches", "Batches", "Work", STAFF, ("/decide/", "/plan", "/import", "/changes")),
    Page("/data", "Data", "Evidence", STAFF),
    Page("/experiments", "Experiments", "Evidence", STAFF),
    Page("/watch", "Watch", "Evidence", STAFF),
    Page("/definition", "Definition", "Decisions", STAFF | {"expert"}),
    Page("/release", "Release", "Decisions", STAFF),
    Page("/decisions", "Decide", "Decisions", STAFF),
    Page("/people", "People", "Team", frozenset({"owner"})),
    Page("/audit", "Audit log", "Team", frozenset({"owner"})),
)
"""In the order of the menu."""


@dataclass(frozen=True)
class MenuLink:
    """An entry of the menu.

    Attributes:
        address: Where it leads.
        name: What it says.
        current: ``page`` if it leads to the page that is open, ``true`` if that page is behind it;
            empty otherwise.
    """

    address: str
    name: str
    current: str = ""


@dataclass(frozen=True)
class Menu:
    """The menu as one account sees it on one page.

    Attributes:
        entries: Sections, or pages where there are few.
        section: The section that is open; empty where there is none to choose in.
        pages: Its pages.
    """

    entries: tuple[MenuLink, ...]
    section: str = ""
    pages: tuple[MenuLink, ...] = ()


def menu_of(role: str, path: str) -> Menu:
    """The menu of somebody who has a role, on the page at a path.

    Example:
        >>> seen = menu_of("owner", "/watch")
        >>> [entry.name for entry in seen.entries], seen.section
        (['Home', 'Work', 'Evidence', 'Decisions', 'Team'], 'Evidence')
        >>> [entry.name for entry in menu_of("expert", "/").entries]
        ['My work', 'Compare', 'Definition']
    """
    seen = [page for page in PAGES if role in page.roles]
    links = tuple(_link(page, path) for page in seen)
    if len(seen) <= FEW:
        return Menu(entries=links)
    open_now = next((page.section for page in seen if page.holds(path)), "")
    sections = dict.fromkeys(page.section for page in seen)
    entries = tuple(_entry(name, seen, open_now, path) for name in sections)
    pages = tuple(_link(page, path) for page in seen if page.section == open_now)
    if len(pages) < 2:
        return Menu(entries=entries)
    return Menu(entries=entries, section=open_now, pages=pages)


def _link(page: Page, path: str) -> MenuLink:
    current = ""
    if page.holds(path):
        current = "page" if path == page.address else "true"
    return MenuLink(page.address, page.name, current)


def _entry(section: str, seen: Iterable[Page], open_now: str, path: str) -> MenuLink:
    """A section, which leads to its first page."""
    members = [page for page in seen if page.section == section]
    if len(members) == 1:
        return _link(members[0], path)
    return MenuLink(members[0].address, section, "true" if section == open_now else "")
