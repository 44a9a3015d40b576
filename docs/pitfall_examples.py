"""What the pages of the pitfalls show: why each one hurts, and small examples that are really run.

An example is either rows for `tunewell doctor`, shown before and after, or a few lines of Python
whose printed values stand beside them. docs/site_pages.py runs them.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Rows(NamedTuple):
    """Rows that have the pitfall.

    Attributes:
        before: Pairs of prompt and completion, or whole rows.
        after: The rows as somebody would correct them; what ``--fix`` leaves if None.
        eval: Evaluation rows beside them.
        task: A definition, where the pitfall needs one.
    """

    before: list[dict[str, str]]
    after: list[dict[str, str]] | None = None
    eval: list[dict[str, str]] | None = None
    task: str = ""


def pair(prompt: str, completion: str, **more: str) -> dict[str, str]:
    """One row."""
    return {"prompt": prompt, "completion": completion, **more}


WHY: Final = {
    "D01": "A model that is trained on memos and small talk answers questions with memos and small talk.",
    "D02": "A set that looks like the task and is not prepares the model for another exam than the one it will sit.",
    "D03": "A row that stands twice counts twice: the model learns its wording by heart, and a copy on both sides of a split makes every score too good.",
    "D04": "Edited copies do what exact ones do, and no hash finds them.",
    "D05": "A model learns first what it sees in every row: the disclaimer, the greeting, the template, instead of the answer.",
    "D06": "Last year's right answer is this year's wrong one, in the tone of certainty.",
    "D07": "What a model was trained on it can say again, to anybody who asks.",
    "D08": "Rows without an answer teach the model to give none; cut-off ones teach it to stop early.",
    "D09": "Two answers to one question teach neither. The model picks one by chance.",
    "D10": "Wrong labels put a ceiling on what can be learned, and the same ceiling on what can be measured.",
    "D11": "A test row that was trained on measures memory. Most surprising scores are leaks.",
    "D12": "More epochs do not replace rows. Whether more rows would help can be measured before they are collected.",
    "D13": "Ten thousand rows of three customers are three examples.",
    "D14": "An average over regions hides the region that has hardly any row.",
    "D15": "A generated row that copies its parent adds weight, not knowledge; one that touches the test set spoils it.",
    "D16": "A model cannot agree with people more than they agree with each other.",
    "T01": "Training loss keeps falling long after the model has stopped getting better.",
    "T02": "A model that recites its rows looks brilliant on them and leaks them in use.",
    "T03": "Good on the customers it has seen says little about the next one.",
    "T04": "A model that learned the task may have lost arithmetic, refusal or another language on the way.",
    "T05": "A better prompt is cheaper than a fine-tune, and often as good.",
    "T06": "Another seed is another result. A gain smaller than that difference is none.",
    "T07": "A wrong template or a loss on the prompt does not crash. It only never gets good.",
    "E01": "A general score can rise while the answers get worse at what they are for.",
    "E02": "A model that judges is cheap and biased. Until people have checked it, its verdict is an opinion.",
    "E03": "Thirty test rows cannot tell 80 % from 90 %, whatever the decimals say.",
    "E04": "Where raters disagree, the average of their verdicts is a number without a meaning.",
    "E05": "Users write in capitals, with typing errors, and in another order than your test set.",
    "E06": "Better on average and worse for one group is a decision that somebody has to take knowingly.",
    "E07": "A fluent answer with a number that stands nowhere in the source is worse than none.",
    "E08": "Facts change; what the model says of them has to be checked against the list of today.",
    "E09": "Who looks at the test set often enough will have chosen what fits it.",
    "E10": "If the commonest answer scores as well, nothing was learned that matters.",
    "E11": "Outputs that are missing or cut off are the hard ones. Leaving them out flatters.",
    "L01": "The first blind comparison should not be the one that your users make.",
    "L02": "An uneven split, an early look or an answer that gives its author away makes a test say what it likes.",
    "L03": "The questions change before anybody says so.",
    "L04": "Quality falls slowly enough that every week looks like the last.",
    "L05": "The model has not changed, the world has.",
    "L06": "When the judge changes, every model seems to have changed.",
    "L07": "Nobody decides to keep an old model. It just happens.",
    "L08": "Better answers that change nothing for the business are still a cost.",
    "L09": "What nobody has seen before is where the next incident is.",
    "L10": "A renamed field looks exactly like a model that broke.",
}

FORMS: Final = ["move", "sale", "birth", "loss", "repair", "outage", "wedding", "theft"]
DESK: Final = [
    pair(f"Which form reports a {x}?", f"Form {x[0].upper()}-{n}, in a week.")
    for n, x in enumerate(FORMS, 3)
]
LONG: Final = pair(
    "My meter shows another number than my bill, what should I do about it before the end of the month?",
    "Send us a photo of the meter, and we correct the bill within a week.",
)
LONG_EDITED: Final = pair(
    "My meter shows another number than my last bill, what should I do about it before the month ends?",
    "Send us a photo of the meter and we will correct the bill within a week.",
)
NOTE: Final = " This answer was written with care by the desk of the city and is not legal advice."

DOCTOR: Final = {
    "D03": Rows([*DESK, pair("WHICH form reports a move", DESK[0]["completion"])]),
    "D04": Rows([*DESK, LONG, LONG_EDITED]),
    "D07": Rows(
        [
            *DESK,
            pair("Who reads the meter?", "Write to jane.roe@corp-mail.com or call +49 30 901820."),
        ]
    ),
    "D08": Rows(
        [
            *DESK,
            pair("Which form reports a visit?", "N/A"),
            pair("Where is the cafÃ©?", "Beside the entrance."),
        ]
    ),
    "D09": Rows(
        [
            *DESK,
            pair("Can I pay by card at the counter of the office?", "Yes, with any card."),
            pair("Can I pay by card at the counter of the office?", "No, cash only."),
        ],
        after=[
            *DESK,
            pair("Can I pay by card at the counter of the office?", "Yes, with any card."),
        ],
    ),
    "D11": Rows(
        [*DESK, LONG],
        after=DESK,
        eval=[pair("Where can I park?", "Behind the house."), LONG_EDITED],
    ),
}
"""Shown with what ``tunewell doctor`` prints."""

PYTHON: Final = {
    "D16": """\
import numpy as np
from tunewell.stats import krippendorff_alpha

annotators = np.array([
    [1, 1, 0, 0, 1, 0, 1, 1, 0, 0],
    [1, 0, 0, 1, 1, 0, 1, 0, 0, 1],
    [1, 1, 0, 0, 0, 0, 1, 1, 1, 0],
])
print(krippendorff_alpha(annotators))   # far from 1: clarify the guideline first
""",
    "T05": """\
import tunewell as tw

gold = ["a", "b", "a", "c"] * 10
prompted = gold[:36] + ["?"] * 4        # the same base model with its best prompt
tuned = gold[:37] + ["?"] * 3
result = tw.evaluate({"prompted": prompted, "tuned": tuned}, gold, metrics=["exact"])
print(result.difference("exact", "tuned", "prompted"))   # holds 0: no gain is shown
""",
    "E02": """\
import numpy as np
from tunewell.stats import corrected_rate

rng = np.random.default_rng(0)
truth = rng.random(400) < 0.7
judge = np.where(truth, rng.random(400) < 0.95, rng.random(400) < 0.40).astype(float)
people = np.full(400, np.nan)           # people have read 60 of the 400
people[:60] = truth[:60]
print(f"the judge alone: {judge.mean():.2f}")
print("corrected by people:", corrected_rate(judge=judge, human=people))
""",
    "E03": """\
from tunewell.stats import proportion

print("24 of 30 right:", proportion(24, 30))
print("27 of 30 right:", proportion(27, 30))             # the intervals overlap widely
print("240 of 300 right:", proportion(240, 300))
""",
    "E04": """\
from tunewell.stats import gwet_ac1

# Of three raters, how many said no and yes, for each of eight outputs.
verdicts = [[1, 2], [1, 2], [2, 1], [0, 3], [2, 1], [2, 1], [3, 0], [1, 2]]
print(gwet_ac1(verdicts))
""",
    "E10": """\
import tunewell as tw

gold = ["approve"] * 45 + ["refuse"] * 5
model = gold[:41] + ["approve"] * 9
commonest = ["approve"] * 50
result = tw.evaluate({"commonest": commonest, "model": model}, gold, metrics=["exact"])
print(result.level("exact", "model"))
print(result.difference("exact", "model", "commonest"))   # 90 % right, and nothing was learned
""",
    "E11": """\
import tunewell as tw

gold = ["yes", "no"] * 10
outputs = gold[:16] + [None] * 4        # four answers were cut off
result = tw.evaluate(outputs, gold, metrics=["exact"])
print(result.level("exact"))            # 16 of 16 would be 1; the gaps widen the interval
""",
    "L02": """\
from tunewell.stats import proportion

print("of 2,000 users, in the new arm:", proportion(1_078, 2_000))   # half was asked for
""",
    "L03": """\
import numpy as np
from tunewell.stats import two_sample

rng = np.random.default_rng(3)
reference, this_week = rng.normal(size=(120, 4)), rng.normal(size=(80, 4)) + [0.8, 0, 0, 0]
found = two_sample(reference, this_week, permutations=499)
print(found.method, "p =", found.p_value)
""",
}
"""Shown with what they print."""

GUIDES: Final = {
    "D": "../guides/prepare-data.md",
    "D10": "../guides/train.md",
    "D12": "../guides/train.md",
    "D15": "../guides/augment.md",
    "D16": "../guides/people.md",
    "T": "../guides/train.md",
    "E": "../guides/evaluate.md",
    "E02": "../guides/people.md",
    "E04": "../guides/people.md",
    "L": "../guides/watch.md",
    "L01": "../guides/compare.md",
    "L02": "../guides/gateway.md",
    "L07": "../guides/decide.md",
    "L10": "../guides/watch-causes.md",
}
"""Where to read on, by code or by its letter."""
