"""Comparisons in the store: drafted, signed, rated, closed. What people say is only ever added."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from tunewell.compare.design import (
    AskedQuestion,
    BlindComparison,
    ComparedPair,
    ComparisonDesign,
    GivenAnswer,
    GuessSaid,
    Rated,
    SaidOfPair,
)
from tunewell.compare.pairing import completed, guessed_arms, new_pairs, outcome_of, own_pair
from tunewell.compare.rows import (
    comparison_of,
    experiment_line,
    guess_of,
    pair_line,
    pair_of,
    rated_of,
)
from tunewell.errors import UserError
from tunewell.people.compared import SIGNED
from tunewell.people.work_rows import to_json
from tunewell.plurals import per_cent
from tunewell.stats.preference import fewest_raters
from tunewell.store import Store
from tunewell.store.comparison_tables import experiments, pairs, ratings, requests
from tunewell.store.ledger import append
from tunewell.store.store import next_number
from tunewell.store.turns import hold
from tunewell.types import digest

RATED: Final = "rated"
GUESS: Final = "guess"
MOST_SECONDS: Final = 86_400.0

Answers = Mapping[str, tuple[GivenAnswer | None, GivenAnswer | None]]
"""By id of the question, what each arm answered; None where a person is still to be asked."""


class ComparisonBook:
    """Read and write comparisons.

    Args:
        store: Of the project.
        clock: Gives the time in seconds since 1970; replays of old traffic bring their own.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock

    # --- comparisons ------------------------------------------------------------------------------

    def draft(
        self,
        design: ComparisonDesign,
        *,
        author: str,
        raters: Sequence[str],
        agents: Sequence[str] = (),
        questions: Sequence[AskedQuestion] = (),
        answers: Answers | None = None,
    ) -> BlindComparison:
        """Write a comparison that nobody has signed yet, in the place of an older draft.

        Args:
            design: What will be fixed.
            author: Name of who drafts it.
            raters: Ids of the accounts that rate.
            agents: Ids of the accounts that answer for the human arm.
            questions: Those that are given to raters; none where they ask their own.
            answers: What the arms answered, by id of the question.

        Raises:
            UserError: The name is taken by a signed comparison, or people are missing or stand on
                both sides.
        """
        _check_people(design, raters, agents)
        if design.questions == "prepared" and len(questions) < design.each:
            raise UserError(
                f"{len(questions)} prepared questions are too few for {design.each} verdicts of "
                "each rater",
                hint=f"lower --each to {len(questions)}, or split more rows into the review pool",
            )
        comparison = BlindComparison(
            id=secrets.token_hex(16),
            design=design,
            author=author,
            agents=tuple(agents),
            raters=tuple(raters),
            salt=secrets.token_hex(16),
        )
        given = new_pairs(comparison, questions, answers or {})
        with self.store.connection(write=True) as connection:
            self._remove_draft(connection, design.name)
            line = {
                **experiment_line(comparison),
                "created": self._now().isoformat(),
                "number": next_number(connection, experiments),
            }
            connection.execute(sa.insert(experiments).values(**line))
            if given:
                connection.execute(sa.insert(pairs), [pair_line(pair) for pair in given])
        return comparison

    def _remove_draft(self, connection: sa.Connection, name: str) -> None:
        hold(connection, "experiments")
        query = sa.select(experiments.c.id, experiments.c.status).where(experiments.c.name == name)
        row = connection.execute(query).first()
        if row is None:
            return
        if row.status != "draft":
            raise UserError(
                f"the comparison {name!r} is signed: a change is a new experiment",
                hint=f"choose another name, such as {name}-2",
            )
        connection.execute(sa.delete(pairs).where(pairs.c.experiment == row.id))
        connection.execute(sa.delete(experiments).where(experiments.c.id == row.id))

    def comparisons(self) -> list[BlindComparison]:
        """All of them, newest first."""
        query = sa.select(experiments.c.record, experiments.c.status)
        rows = self.store.rows(query.order_by(experiments.c.number.desc()))
        return [comparison_of(row.record, row.status) for row in rows]

    def named(self, name: str) -> BlindComparison:
        """The comparison with this name.

        Raises:
            UserError: There is none.
        """
        found = self._first(experiments.c.name == name)
        if found is None:
            names = ", ".join(sorted(c.design.name for c in self.comparisons())) or "none yet"
            raise UserError(
                f"there is no comparison {name[:80]!r}; there are: {names}",
                hint="tunewell compare open --help",
            )
        return found

    def by_id(self, comparison_id: str) -> BlindComparison | None:
        """The comparison with this id."""
        return self._first(experiments.c.id == comparison_id)

    def _first(self, where: sa.ColumnElement[bool]) -> BlindComparison | None:
        row = self.store.row(sa.select(experiments.c.record, experiments.c.status).where(where))
        return comparison_of(row.record, row.status) if row else None

    def sign(self, comparison: BlindComparison, *, author: str) -> BlindComparison:
        """Fix a design for ever and open it: the event holds what was signed.

        Args:
            comparison: A draft.
            author: Name of the owner who signs.

        Raises:
            UserError: It is signed already, the panel cannot reach its power, or the A/A comparison
                that has to come first has not.
        """
        design = comparison.design
        if comparison.status != "draft":
            raise UserError(f"{design.name} is {comparison.status}: it was signed before")
        lacking = self.missing_answers(comparison)
        if lacking:
            raise UserError(
                f"{lacking} prepared questions have no answer yet",
                hint=f"tunewell compare answer {design.name}",
            )
        self._check_signable(design)
        content = [pair.model_dump(mode="json") for pair in self.pairs(comparison)]
        record = {
            "version": design.version,
            "design": design.model_dump(mode="json"),
            "pairs": digest(content),
            "raters": list(comparison.raters),
            "agents": list(comparison.agents),
        }
        self.store.say(SIGNED, design.name, author=author, record=record)
        self._set_status(comparison, "open")
        self._record_settled(self.pairs(comparison))
        return comparison.model_copy(update={"status": "open"})

    def _check_signable(self, design: ComparisonDesign) -> None:
        plan = design.plan()
        if not plan.enough and not design.aa:
            few = fewest_raters(design.alpha)
            raise UserError(
                f"{design.raters} raters with {design.each} verdicts each find a preference of "
                f"{per_cent(design.win_rate)} with probability {plan.power:.2f}, below "
                f"{design.power:g} (intraclass correlation {design.icc:g}, at least {few} raters)",
                hint=_more_raters(design, plan.needed),
            )
        if design.after:
            self._check_aa(self.named(design.after))

    def _check_aa(self, first: BlindComparison) -> None:
        if not first.design.aa:
            raise UserError(f"{first.design.name} is not an A/A comparison")
        if first.status != "closed":
            raise UserError(
                f"the A/A comparison {first.design.name} has to be closed first",
                hint=f"tunewell compare close {first.design.name}",
            )
        from tunewell.compare.analyse import analyse

        if analyse(self, first).standing_favours:
            raise UserError(
                f"the A/A comparison {first.design.name} found a preference between equal arms: "
                "the procedure is broken",
                hint="see the finding L02 of its result",
            )

    def _set_status(self, comparison: BlindComparison, status: str) -> None:
        here = experiments.c.id == comparison.id
        self.store.change(sa.update(experiments).where(here).values(status=status))

    def close(self, comparison: BlindComparison) -> BlindComparison:
        """Take no more ratings."""
        if comparison.status != "open":
            raise UserError(f"{comparison.design.name} is {comparison.status}, not open")
        self._set_status(comparison, "closed")
        return comparison.model_copy(update={"status": "closed"})

    # --- pairs ------------------------------------------------------------------------------------

    def pairs(self, comparison: BlindComparison, *, account: str = "") -> list[ComparedPair]:
        """All pairs of a comparison, or of one rater, in order."""
        query = sa.select(pairs.c.record, pairs.c.status)
        query = query.where(pairs.c.experiment == comparison.id)
        if account:
            query = query.where(pairs.c.account == account)
        rows = self.store.rows(query.order_by(pairs.c.account, pairs.c.position))
        return [pair_of(row.record, row.status) for row in rows]

    def own_pair(self, pair_id: str, account: str) -> ComparedPair | None:
        """A pair if it is this rater's."""
        query = sa.select(pairs.c.record, pairs.c.status)
        query = query.where(pairs.c.id == pair_id).where(pairs.c.account == account)
        row = self.store.row(query)
        return pair_of(row.record, row.status) if row else None

    def ask(
        self,
        comparison: BlindComparison,
        account: str,
        text: str,
    ) -> ComparedPair:
        """A rater's own question; both arms are to answer it.

        Raises:
            UserError: The comparison gives the questions, is not open, or the rater has asked
                enough.
        """
        design = comparison.design
        asked = self.pairs(comparison, account=account)
        if design.questions != "own" or comparison.status != "open":
            raise UserError("questions cannot be asked here")
        if account not in comparison.raters or len(asked) >= design.each:
            raise UserError(f"you have asked your {design.each} questions")
        words = text.strip()
        if not words:
            raise UserError("the question is empty")
        question = AskedQuestion(id=secrets.token_hex(16), text=words)
        pair = own_pair(comparison, account, len(asked), question)
        with self.store.connection(write=True) as connection:
            connection.execute(sa.insert(pairs).values(**pair_line(pair)))
        return pair

    def give(
        self,
        comparison: BlindComparison,
        question_id: str,
        arm: int,
        answer: GivenAnswer,
    ) -> int:
        """Put an arm's answer to a question into the pairs that wait for it; gives how many."""
        query = sa.select(pairs.c.record, pairs.c.status)
        query = query.where(pairs.c.experiment == comparison.id)
        query = query.where(pairs.c.question == question_id).where(pairs.c.status == "waiting")
        changed = []
        for row in self.store.rows(query):
            pair = completed(pair_of(row.record, row.status), arm, answer)
            here = (pairs.c.id == pair.id) & (pairs.c.status == "waiting")
            self.store.change(sa.update(pairs).where(here).values(**pair_line(pair)))
            changed.append(pair)
        if comparison.status == "open":
            self._record_settled(changed)
        return len(changed)

    def _record_settled(self, settled: Sequence[ComparedPair]) -> None:
        """Write down, once, what came of pairs that nobody is shown."""
        for pair in settled:
            outcome = outcome_of(pair)
            if outcome is not None:
                self._append(pair, outcome["how"], f"{outcome['how']}-{pair.id}", outcome)

    def _append(
        self,
        pair: ComparedPair,
        kind: str,
        key: str,
        record: Mapping[str, Any],
    ) -> None:
        line = {
            "account": pair.account,
            "key": key,
            "experiment": pair.comparison,
            "kind": kind,
            "subject": pair.id,
            "at": self._now().isoformat(),
            "seconds": 0.0,
            "record": json.dumps(dict(record)),
        }
        with self.store.connection(write=True) as connection:
            hold(connection, f"ratings {pair.account}")
            if connection.execute(_known(pair.account, key)).first() is None:
                append(connection, ratings, line)

    def missing_answers(self, comparison: BlindComparison) -> int:
        """Questions of a draft that an arm which is no person has not answered yet."""
        lacking = set()
        for pair in self.pairs(comparison):
            for arm, answer in zip(comparison.design.arms, pair.answers, strict=True):
                if answer is None and not arm.is_human:
                    lacking.add(pair.question.id)
        return len(lacking)

    # --- ratings ----------------------------------------------------------------------------------

    def rate(
        self,
        comparison: BlindComparison,
        pair: ComparedPair,
        said: SaidOfPair,
        *,
        key: str,
        seconds: float = 0.0,
    ) -> bool:
        """Save a rating, once for each key; the last one of a pair counts.

        Returns:
            Whether it is new.

        Raises:
            UserError: The comparison is not open, or the pair is not to be rated.
        """
        if self._is_known(pair.account, key):
            return False
        if comparison.status != "open":
            raise UserError("this comparison takes no ratings", hint="ask the owner")
        if pair.status not in ("ready", "done"):
            raise UserError("this pair is not to be rated")
        unknown = [tag for tag in said.reasons if tag not in comparison.design.reasons]
        if unknown:
            raise UserError(f"there is no reason {unknown[0]!r}")
        if self.guesses_of(comparison, pair.account):
            raise UserError("you have begun to guess: what you rated stays as it is")
        line = {
            "account": pair.account,
            "key": key,
            "experiment": comparison.id,
            "kind": RATED,
            "subject": pair.id,
            "at": self._now().isoformat(),
            "seconds": min(max(float(seconds), 0.0), MOST_SECONDS),
            "record": to_json(said),
        }
        done = sa.update(pairs).where(pairs.c.id == pair.id).values(status="done")
        return self._write_once(line, done)

    def guess(
        self,
        comparison: BlindComparison,
        pair: ComparedPair,
        said: GuessSaid,
        *,
        key: str,
    ) -> bool:
        """Save which arm a rater believes wrote an answer; the first word on it stays.

        Raises:
            UserError: The rater was not asked to guess this.
        """
        if self._is_known(pair.account, key):
            return False
        asked = dict(self.to_guess(comparison, pair.account))
        if asked.get(pair.id) != said.behind:
            raise UserError("you were not asked to guess this")
        line = {
            "account": pair.account,
            "key": key,
            "experiment": comparison.id,
            "kind": GUESS,
            "subject": pair.id,
            "at": self._now().isoformat(),
            "seconds": 0.0,
            "record": to_json(said),
        }
        return self._write_once(line)

    def _write_once(self, line: Mapping[str, Any], *more: sa.Update) -> bool:
        with self.store.connection(write=True) as connection:
            hold(connection, f"ratings {line['account']}")
            if connection.execute(_known(line["account"], line["key"])).first() is not None:
                return False
            append(connection, ratings, line)
            for statement in more:
                connection.execute(statement)
        return True

    def _is_known(self, account: str, key: str) -> bool:
        return self.store.row(_known(account, key)) is not None

    def to_guess(self, comparison: BlindComparison, account: str) -> list[tuple[str, int]]:
        """The answers whose arm a rater is asked to guess, as (pair, arm), once all are rated.

        As many of each arm as can be; those that were guessed are left out.
        """
        own = self.pairs(comparison, account=account)
        if comparison.status != "open" or any(p.status in ("waiting", "ready") for p in own):
            return []
        if len(own) < comparison.design.each:
            return []
        seen = sorted((p for p in own if p.status == "done"), key=lambda p: p.id)
        chosen = seen[: comparison.design.guesses]
        done = {pair for pair, _ in self.guesses_of(comparison, account)}
        arms = guessed_arms(comparison, account, len(chosen))
        asked = [(pair.id, arm) for pair, arm in zip(chosen, arms, strict=True)]
        return [(pair, arm) for pair, arm in asked if pair not in done]

    def guesses_of(self, comparison: BlindComparison, account: str) -> list[tuple[str, GuessSaid]]:
        """What a rater has guessed, by pair."""
        return [(pair, said) for who, pair, said in self.guesses(comparison) if who == account]

    def guesses(self, comparison: BlindComparison) -> list[tuple[str, str, GuessSaid]]:
        """All guesses as (account, pair, guess), in order of arrival."""
        found = []
        for row in self._said(comparison, GUESS):
            said = guess_of(row._mapping)
            if said is not None:
                found.append((row.account, row.subject, said))
        return found

    def rated(self, comparison: BlindComparison) -> list[Rated]:
        """What counts: each rater's last word on each pair, and what stands in its place.

        In the order of arrival of the first word on a pair, so that a correction does not move it.
        """
        by_id = {pair.id: pair for pair in self.pairs(comparison)}
        last: dict[str, Rated] = {}
        for row in self._said(comparison, RATED, "tied", "missing"):
            pair = by_id.get(row.subject)
            found = rated_of(row._mapping, pair) if pair else None
            if found is None:
                last.pop(row.subject, None)
                continue
            number = last[row.subject].number if row.subject in last else found.number
            last[row.subject] = found.model_copy(update={"number": number})
        return sorted(last.values(), key=lambda rated: rated.number)

    def _said(self, comparison: BlindComparison, *kinds: str) -> list[Any]:
        query = sa.select(ratings).where(ratings.c.experiment == comparison.id)
        query = query.where(ratings.c.kind.in_(kinds)).order_by(ratings.c.number)
        return list(self.store.rows(query))

    def progress(self, comparison: BlindComparison) -> dict[str, dict[str, int]]:
        """Pairs of each rater by status."""
        found: dict[str, dict[str, int]] = {account: {} for account in comparison.raters}
        query = sa.select(pairs.c.account, pairs.c.status, sa.func.count().label("of_it"))
        query = query.where(pairs.c.experiment == comparison.id)
        for row in self.store.rows(query.group_by(pairs.c.account, pairs.c.status)):
            found.setdefault(row.account, {})[row.status] = int(row.of_it)
        return found

    def rates_in(self, account: str) -> list[BlindComparison]:
        """Open comparisons in which this account rates."""
        return [c for c in self.comparisons() if c.status == "open" and account in c.raters]

    def answers_in(self, account: str) -> bool:
        """Whether this account answers for a human arm, of whatever comparison."""
        query = sa.select(sa.literal(1)).where(requests.c.account == account).limit(1)
        return self.store.row(query) is not None

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.clock(), dt.UTC)


def _known(account: str, key: str) -> sa.Select[Any]:
    here = (ratings.c.account == account) & (ratings.c.key == key)
    return sa.select(sa.literal(1)).where(here)


def _check_people(
    design: ComparisonDesign,
    raters: Sequence[str],
    agents: Sequence[str],
) -> None:
    if len(set(raters)) != design.raters:
        raise UserError(
            f"the design has {design.raters} raters, {len(set(raters))} were named",
            hint="name each with --to, once",
        )
    if set(raters) & set(agents):
        raise UserError("nobody can answer and rate in one comparison")
    if design.human and not agents:
        raise UserError("nobody answers for the human arm", hint="name agents with --agent")
    if agents and not design.human:
        raise UserError("no arm is human: leave --agent out")


def _more_raters(design: ComparisonDesign, needed: int) -> str:
    if not needed:
        return "more verdicts of each rater (--each), or a larger preference (--win-rate)"
    return (
        f"--raters {needed} with {design.each} verdicts each would reach it; or see "
        "tunewell compare plan"
    )
