"""The day on which a web page was published, from what its markup states (pitfall D06).

Only statements count, never a day that merely stands in the text: bench/checks/pages.py measures it
on a thousand real pages beside htmldate, which guesses where nothing is stated.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from tunewell.checks.date_columns import read_date

_ATTRIBUTES = r"[^<>]{0,300}?"
_CONTENT = r"(?:content|datetime|title|value|data-date)\s*=\s*[\"']?([^\"'<>]{4,60})"
_PUBLISHED = (
    r"(?:article:published_time|og:article:published_time|datePublished|dateCreated|date\.created|"
    r"pubdate|publishdate|publish[_-]?date|publication[_-]?date|dc\.date(?:\.issued|\.created)?|"
    r"dcterms\.(?:created|issued|date)|dc\.created|citation_(?:publication_)?date|parsely-pub-date|"
    r"sailthru\.date|article\.published|cXenseParse:recs:publishtime|rbpubdate|"
    r"originalpublicationdate|"
    r"article_date_original|bt:pubdate|shareaholic:article_published_time|date)"
)
_MODIFIED = (
    r"(?:article:modified_time|og:updated_time|dateModified|last-modified|lastmod|"
    r"dcterms\.modified)"
)
_NAMED = r"(?:property|name|itemprop|http-equiv|id)\s*=\s*[\"']?"
_CLASS = (
    r"class\s*=\s*[\"'][^\"'<>]*(?:published|entry-date|post-?date|article-?date|pubdate|"
    r"timestamp|byline-date|dateline|meta-date|created)[^\"'<>]*[\"']"
)
_STATEMENTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"<meta{_ATTRIBUTES}{_NAMED}{_PUBLISHED}[\"'\s]{_ATTRIBUTES}{_CONTENT}",
        rf"<meta{_ATTRIBUTES}{_CONTENT}[\"']?{_ATTRIBUTES}{_NAMED}{_PUBLISHED}[\"'\s/>]",
        r"[\"']datePublished[\"']\s*:\s*[\"']([^\"']{4,40})",
        rf"<\w+{_ATTRIBUTES}itemprop\s*=\s*[\"']?(?:datePublished|"
        rf"dateCreated)[\"']?{_ATTRIBUTES}{_CONTENT}",
        rf"<(?:time|abbr|span){_ATTRIBUTES}{_CLASS}{_ATTRIBUTES}(?:datetime|"
        rf"title)\s*=\s*[\"']([^\"'<>]{{4,60}})",
        rf"<(?:time|abbr|span){_ATTRIBUTES}(?:datetime|"
        rf"title)\s*=\s*[\"']([^\"'<>]{{4,60}})[\"']{_ATTRIBUTES}{_CLASS}",
        rf"<time{_ATTRIBUTES}datetime\s*=\s*[\"']?([^\"'<>]{{4,60}})",
        r"(?:rel\s*=\s*[\"']canonical[\"']|og:url)[^<>]{0,200}?/((?:19|20)\d\d/[01]?\d/[0-3]?\d)/",
        r"[\"'](?:date_?created|publish(?:ed)?_?(?:date|at)|"
        r"pub_?date)[\"']\s*:\s*[\"']([^\"']{4,40})",
        rf"<\w+{_ATTRIBUTES}{_CLASS}{_ATTRIBUTES}>\s*(?:<[^<>]*>\s*){{0,3}}([^<>]{{6,40}})<",
        rf"<time{_ATTRIBUTES}>\s*([^<>]{{6,40}})<",
        rf"<meta{_ATTRIBUTES}{_NAMED}{_MODIFIED}[\"'\s]{_ATTRIBUTES}{_CONTENT}",
    )
)
"""What states the day, the surest first."""

_LONGEST = 400_000


def find_page_date(page: str) -> dt.date | None:
    """The day that a page states; of several, by the surest statement.

    Example:
        >>> find_page_date('<script>{"datePublished": "2018-02-15T10:00:00Z"}</script>')
        datetime.date(2018, 2, 15)
        >>> find_page_date("<p>Written on 3 May 2018.</p>") is None
        True
    """
    for said in _stated(page[:_LONGEST]):
        read = read_date(said.strip())
        if read.day is not None and read.note == "":
            return read.day
    return None


def _stated(page: str) -> Iterator[str]:
    for statement in _STATEMENTS:
        for match in statement.finditer(page):
            yield match[1]
