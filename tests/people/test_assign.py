"""Who sees which: even, independent, apart."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tunewell.people import share_out
from tunewell.people.assign import BLOCK


@given(
    rows=st.integers(0, 60),
    arms=st.integers(1, 3),
    people=st.integers(1, 7),
    raters=st.integers(1, 5),
    seed=st.integers(0, 5),
)
def test_every_item_gets_its_people_and_loads_are_even(
    rows: int, arms: int, people: int, raters: int, seed: int
) -> None:
    examples = {f"e{i}": [f"e{i}-{a}" for a in range(arms)] for i in range(rows)}
    accounts = [f"p{i}" for i in range(people)]
    seats = share_out(examples, accounts, raters=raters, seed=seed)
    assert len({(s.item, s.account) for s in seats}) == len(seats)
    seen = Counter(s.item for s in seats)
    assert all(seen[i] == min(raters, people) for items in examples.values() for i in items)
    load = Counter(s.account for s in seats)
    if rows:
        assert max(load.values()) - min(load.get(a, 0) for a in accounts) <= arms
    for account in accounts:
        own = sorted(s.position for s in seats if s.account == account)
        assert own == list(range(len(own)))
    assert seats == share_out(examples, accounts, raters=raters, seed=seed)


def test_both_arms_of_a_row_go_to_the_same_person_apart_and_in_either_order() -> None:
    examples = {f"e{i}": [f"e{i}-base", f"e{i}-tuned"] for i in range(200)}
    seats = share_out(examples, ["ann", "bob"], raters=2, seed=3)
    for account in ("ann", "bob"):
        place = {s.item: s.position for s in seats if s.account == account}
        gaps = [abs(place[a] - place[b]) for a, b in examples.values()]
        assert min(gaps) >= min(BLOCK, 200 % BLOCK)
        first = sum(place[a] < place[b] for a, b in examples.values())
        assert 60 < first < 140  # a coin within six standard errors


def test_who_joins_later_gets_what_still_needs_people_and_nothing_twice() -> None:
    examples = {f"e{i}": [f"e{i}"] for i in range(30)}
    first = share_out(examples, ["ann"], raters=2)
    taken = [(s.item, s.account) for s in first]
    later = share_out(examples, ["ann", "bob"], raters=2, taken=taken)
    assert {s.account for s in later} == {"bob"}
    assert len(later) == 30
    assert (
        share_out(
            examples,
            ["ann", "bob"],
            raters=2,
            taken=[*taken, *((s.item, s.account) for s in later)],
        )
        == []
    )
