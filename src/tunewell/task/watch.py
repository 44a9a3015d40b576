"""What is watched in use, who reads answers every week, and who is told."""

from __future__ import annotations

from pydantic import Field

from tunewell.types import Value


class StandingReviewSpec(Value):
    """Answers that people read by themselves every week.

    Attributes:
        rows: Answers a period, drawn at random; 0 = none.
        every_days: Length of a period.
        panel: Names of the accounts that read; every expert and engineer where it is empty.
        raters: People per answer.
    """

    rows: int = Field(default=0, ge=0)
    every_days: int = Field(default=7, ge=1, le=366)
    panel: tuple[str, ...] = ()
    raters: int = Field(default=1, ge=1)


class SuspiciousAnswersSpec(Value):
    """Answers that look wrong, queued for people.

    Attributes:
        rows: Answers a period, the random audit among them; 0 = none.
        audit: Share of them drawn at random from what nobody suspects: they bound what is missed.
    """

    rows: int = Field(default=0, ge=0)
    audit: float = Field(default=0.1, gt=0, lt=1)


class DigestSpec(Value):
    """Who is told once a week.

    Attributes:
        to: E-mail addresses.
        webhook: Address that the digest is posted to, as JSON.
    """

    to: tuple[str, ...] = ()
    webhook: str = ""


class WatchSection(Value):
    """What is watched in use.

    Attributes:
        yearly: Probability of any false alarm in a year, over all channels.
        holidays: Whether few requests at Christmas and Easter are usual.
        every_records: Requests in a window, whenever they came; 0 for windows of days.
        judge: Name of the ratings that a model judge gives the answers in use.
        review: Answers that people read every week.
        suspicious: Answers that look wrong, queued for people.
        digest: Who is told once a week.
    """

    yearly: float = Field(default=0.05, gt=0, lt=1)
    holidays: bool = True
    every_records: int = Field(default=0, ge=0)
    judge: str = "judge"
    review: StandingReviewSpec = StandingReviewSpec()
    suspicious: SuspiciousAnswersSpec = SuspiciousAnswersSpec()
    digest: DigestSpec = DigestSpec()
