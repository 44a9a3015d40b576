"""What is written down of the made-up service, and how the writing itself goes wrong."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.testing.service.answers import SimulatedAnswers, Strengths
from tunewell.testing.service.incidents import PlantedIncident
from tunewell.testing.service.load import DAY_S, Requests
from tunewell.testing.service.people import Outcomes
from tunewell.testing.service.settings import ServiceSettings
from tunewell.testing.service.words import ServiceWords, new_word
from tunewell.types import Feedback, Interaction

MODELS = ("model-1", "model-2")
TEMPLATES = ("p1", "p2")
JUDGES = ("judge-1", "judge-2")
SYSTEM = ("Answer the customer briefly.", "Answer the customer step by step and say why.")

JUDGE_NAME = "judge"
"""Name of the ratings that the judge gives."""

REVIEW_NAME = "review"
"""Name of the ratings that reviewers give."""


@dataclass(frozen=True)
class Recorder:
    """Writes interactions and what came of them.

    Attributes:
        settings: Of the service.
        incidents: What goes wrong.
        words: What people ask about.
        requests: Who asked what and when.
        answers: What was answered.
        outcomes: What came of it.
        seed: Of the service.
        lost: Whether a row is missing from what was recorded, shape (n,).
    """

    settings: ServiceSettings
    incidents: Sequence[PlantedIncident]
    words: ServiceWords
    requests: Requests
    answers: SimulatedAnswers
    outcomes: Outcomes
    seed: int
    lost: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def _start(self) -> dt.datetime:
        return dt.datetime.combine(self.settings.start, dt.time(), dt.UTC)

    @property
    def _strengths(self) -> Strengths:
        return Strengths(
            self.incidents,
            self.requests,
            self.settings.days,
        )

    def times(self) -> list[dt.datetime]:
        """When each request came, by the recorder's clock."""
        off = self._strengths.of("clock") * 3600
        seconds = self.requests.day * DAY_S + self.requests.second + off
        start = self._start
        return [start + dt.timedelta(seconds=round(float(s), 3)) for s in seconds]

    def topic_names(
        self,
        *,
        relabelled: bool,
    ) -> list[str]:
        """The topic of each request as it is written down.

        Args:
            relabelled: Whether the list is read after topics were renamed backwards in time.
        """
        names = np.array(self.words.topics, dtype=object)[self.requests.topic]
        renamed = self._strengths.of("renamed") > 0
        names[renamed] = [f"{name}-new" for name in names[renamed]]
        if relabelled:
            for incident in self.incidents:
                if incident.kind == "relabelled":
                    about = self.requests.topic == incident.topic
                    names[about] = f"{self.words.topics[incident.topic]} and more"
        gone = self._strengths.of("field_gone")
        rng = np.random.default_rng([self.seed, 31])
        names[rng.random(len(names)) < gone] = ""
        return list(names)

    def interactions(
        self,
        *,
        relabelled: bool = False,
    ) -> list[Interaction]:
        """Every interaction that was not lost, in the order of what its clock says."""
        texts = self.questions()
        times = self.times()
        topics = self.topic_names(relabelled=relabelled)
        lost = self.lost if self.lost.size else np.zeros(len(times), bool)
        template = self.has_new_template()
        rng = np.random.default_rng([self.seed, 32])
        places = rng.integers(5_000, size=len(times)).tolist()
        made = []
        for i, at in enumerate(times):
            if lost[i]:
                continue
            said = self._said(i, int(places[i]))
            request = self._request(i, texts[i], topics[i], bool(template[i]))
            made.append(Interaction.model_construct(**self._line(i, at, request, said)))
        return sorted(made, key=lambda row: row.at)

    def has_new_template(self) -> NDArray[np.bool_]:
        """Which requests were sent with another system prompt, shape (n,)."""
        changed: NDArray[np.bool_] = self._strengths.of("template", sized=False) > 0
        return changed

    def questions(self) -> list[str]:
        """The text of every question, those that were lost among them."""
        rng = np.random.default_rng([self.seed, 33])
        texts = self.words.questions(self.requests.topic, rng)
        word = new_word(rng)
        for i in np.nonzero(self.requests.asks_event)[0]:
            texts[i] = f"{texts[i]} {word}"
        self._name_versions(texts, rng)
        return texts

    def _name_versions(
        self,
        texts: list[str],
        rng: np.random.Generator,
    ) -> None:
        """Some name the version that is out: a new word every few weeks, and no incident."""
        every = self.settings.release_days
        if not every:
            return
        for i in np.nonzero(rng.random(len(texts)) < 0.05)[0]:
            release = int(self.requests.day[i]) // every
            texts[i] = f"{texts[i]} 7.{release // 4}.{release % 4}"

    def _said(
        self,
        i: int,
        place: int,
    ) -> str:
        if self.answers.failed[i]:
            return ""
        if self.answers.refused[i]:
            return "I am sorry, but I cannot help you with that."
        text = self.words.answer(place, int(self.answers.words[i]))
        return text if self.answers.cut[i] else f"{text}."

    def _request(
        self,
        i: int,
        text: str,
        topic: str,
        template: bool,
    ) -> dict[str, Any]:
        fields = {"region": self.words.regions[self.requests.region[i]]}
        if topic:
            fields["topic"] = topic
        return {
            "model": "desk",
            "messages": [
                {"role": "system", "content": SYSTEM[template]},
                {"role": "user", "content": text},
            ],
            "metadata": fields,
        }

    def _line(
        self,
        i: int,
        at: dt.datetime,
        request: dict[str, Any],
        said: str,
    ) -> dict[str, Any]:
        answers = self.answers
        failed = bool(answers.failed[i])
        words = int(answers.words[i])
        user = f"u{self.requests.user[i]:05}"
        return {
            "id": self.id(i),
            "at": at,
            "conversation": f"{user}-{self.requests.day[i]:04}",
            "user": user,
            "assigned": "production",
            "served": "production",
            "version": MODELS[answers.version[i]],
            "prompt_version": TEMPLATES[answers.template[i]],
            "request": request,
            "response": said,
            "finish": "" if failed else "length" if answers.cut[i] else "stop",
            "ended": "failed" if failed else "answered",
            "status": 503 if failed else 200,
            "error": "upstream unavailable" if failed else "",
            "prompt_tokens": 20 + len(request["messages"][1]["content"]) // 4,
            "answer_tokens": None if failed else int(words * 1.3),
            "first_token_s": None if failed else round(float(answers.first_s[i]), 4),
            "total_s": round(float(answers.total_s[i]), 4),
            "server_id": f"r-{100_000 + i}",
        }

    def id(self, i: int) -> str:
        """Of the request with this number; the same for the same service."""
        name = f"{self.seed} {i}".encode()
        return str(uuid.UUID(bytes=hashlib.blake2b(name, digest_size=16).digest()))

    def feedback(self) -> Iterator[Feedback]:
        """Everything that came of the answers, those to lost requests too."""
        times = self.times()
        for i, at in enumerate(times):
            yield from self._of_users(i, at)
            yield from self._of_scorers(i, at)

    def _of_users(
        self,
        i: int,
        at: dt.datetime,
    ) -> Iterator[Feedback]:
        outcomes = self.outcomes
        said = at + dt.timedelta(seconds=float(outcomes.rated_after_s[i]))
        author = f"u{self.requests.user[i]:05}"
        if not np.isnan(outcomes.stars[i]):
            stars = float(outcomes.stars[i])
            yield self._say(
                i, "stars", said, kind="rating", name="stars", value=stars, author=author
            )
        if outcomes.escalated[i]:
            yield self._say(i, "escalated", said, kind="event", name="escalated")
        if outcomes.corrected[i]:
            text = self.words.answer(i * 7, 30)
            yield self._say(i, "correction", said, kind="correction", text=text)

    def _of_scorers(
        self,
        i: int,
        at: dt.datetime,
    ) -> Iterator[Feedback]:
        outcomes = self.outcomes
        if not np.isnan(outcomes.judge[i]):
            judge = JUDGES[outcomes.judge_version[i]]
            value = float(outcomes.judge[i])
            yield self._say(
                i, JUDGE_NAME, at, kind="rating", name=JUDGE_NAME, value=value, source=judge
            )
        if not np.isnan(outcomes.review[i]):
            value = float(outcomes.review[i])
            said = at + dt.timedelta(days=2)
            yield self._say(
                i,
                REVIEW_NAME,
                said,
                kind="rating",
                name=REVIEW_NAME,
                value=value,
                author=f"reviewer-{outcomes.reviewer[i]}",
                source="panel",
            )

    def _say(
        self,
        i: int,
        mark: str,
        at: dt.datetime,
        **fields: Any,
    ) -> Feedback:
        id = self.id(i)
        values = {"source": "gateway", **fields}
        return Feedback.model_construct(
            key=f"{id}-{mark}", interaction=id, at=at, received=at, **values
        )


def lost_rows(
    requests: Requests,
    incidents: Sequence[PlantedIncident],
    days: int,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Which rows are missing from what was recorded, shape (n,)."""
    share = Strengths(incidents, requests, days).of("lost")
    lost: NDArray[np.bool_] = rng.random(len(requests)) < share
    return lost
