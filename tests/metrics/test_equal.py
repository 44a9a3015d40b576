"""Equal means equal: answers that look alike and are not, or look different and are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.metrics.conftest import row
from tunewell.metrics import Marked, build_metrics
from tunewell.metrics.key_points import contains
from tunewell.metrics.match import exact, normalised
from tunewell.task import TaskFile
from tunewell.types import Unscored, references_tag

Define = Callable[..., TaskFile]

APART = {
    "signs": "AB+|AB- A−|A+ Rh+|Rh- Na+|Na- +5|-5 −5|5 A-|A B|B+ --force|-force -x|x 1-0|0-1",
    "operators": "<5|>5 ≥5|≤5 x-1|x+1 2^3|2*3 x²|x2 10⁻³|10^3 1/2|12 C#|C++ C|C++ F#|F a/b|ab "
    "2+2|22 ±5|5 ~5|5 √2|2 a≠b|a=b ∈|∉ ∧|∨ →|← 5-10|5+10 p<0.05|p>0.05",
    "zeros": "3.10|3.1 4.20|4.2 007|7 0.50|0.5 v1.10|v1.1 1.20.0|1.2.0 3.0|3 00123|123 030|30",
    "numbers": ".5|5 -.5|-5 3.14|314 7:30|730 1:2|12 10k|10000 1e-3|1e3 12.30|12:30 1½|11/2 1.5|15",
    "units": "20%|20 5%|5‰ 5mg|5g 5mg|5µg 5MW|5mW 10Mb|10MB 5m²|5m km/h|kmh 20°C|20°F 45°|45 "
    "5′|5″ §4|4",
    "currencies": "€5|$5 €5|£5 A$5|$5 ¥500|₩500 ₹500|$500 -$5|$5 $-5|$5 $.99|$99 ₿5|5 €1.5|€15 "
    "C$5|A$5 ₺5|₽5 5EUR|5USD",
    "accents and vowel signs": "e|é n|ñ कि|की ไม้|ไม か|が שָׁלוֹם|שֹׁלוּם o|ö ß|s",
    "emoji": "👍|👎 ✅|❌ 👍🏻|👍🏿 🇩🇪|🇫🇷 👨‍👩‍👧|👨 ★★★|★★ ☑|☐ ♂|♀ 😀|x",
}
SAME = {
    "signs": "AB−|AB- −5|-5 ＡＢ＋|AB+ +/-5|±5",
    "operators": "p<=0.05|p≤0.05 x²|x^2 10⁻³|10^-3 3*4|3×4 5–10|5-10 a!=b|a≠b H₂O|H2O",
    "numbers": ".5|0.5 1,000|1000 1,00,000|100000 1e3|1000 ½|1/2 １２３|123 ١٢٣|123 १२३|123 ๑๒|12 "
    "۱۲|12 1,234.50|1.234,50",
    "currencies": "€5|5EUR US$5|$5 $5.50|$5.5 €-5|-€5 ₹1,00,000|₹100000 500円|¥500 5zł|5PLN",
    "units": "5kg|5㎏ 20℃|20°C 5m2|5m² 50٪|50%",
    "decoration": "**yes**|yes `5`|5 “yes”|yes Yes!|yes (a)|a #️⃣|# $5$|5 ﬁne|fine don’t|don't",
    "invisible": "billing\u200b|billing \ufeffbilling|billing bill\u00ading|billing e\u0301|é ❤️|❤",
    "scripts": "は、そう|はそう STRASSE|straße",
}


def pairs(kinds: dict[str, str]) -> list[tuple[str, str, str]]:
    found = []
    for kind, text in kinds.items():
        for pair in text.split(" "):
            a, b = pair.split("|")
            found.append((kind, a, b))
    return found


@pytest.mark.parametrize(("kind", "a", "b"), pairs(APART))
def test_what_means_something_else_is_not_equal(kind: str, a: str, b: str) -> None:
    assert normalised(a, b) == normalised(b, a) == 0
    assert normalised(f"It is {a} here", f"it is {b} here") == 0
    assert normalised(a, a) == 1


@pytest.mark.parametrize(("kind", "a", "b"), pairs(SAME))
def test_what_means_the_same_is_equal(kind: str, a: str, b: str) -> None:
    assert normalised(a, b) == normalised(b, a) == 1


@pytest.mark.parametrize(
    ("a", "b", "language", "value"),
    [
        ("1.000,00", "1000", "de", 1),
        ("1.000", "1000", "de", 1),
        ("1.000", "1000", "en", 0),
        ("1 000,00 €", "1000 €", "fr", 1),
        ("1\u00a0250,00 €", "1250 €", "fr", 1),
        ("1\u202f250,00 €", "1250,00 €", "fr", 1),
        ("12 345", "12345", "sv", 1),
        ("12 345", "12345", "en", 0),
        ("12\u00a0345", "12345", "en", 1),
        ("1’250", "1250", "de", 1),
        ("5,50 €", "€5.50", "de", 1),
        ("5 Prozent", "5 %", "de", 1),
        ("١٬٢٣٤٫٥", "1234.5", "ar", 1),
        ("ISPARTA", "ısparta", "tr", 1),
        ("İstanbul", "istanbul", "tr", 1),
        ("价格1,000元", "价格1000元", "zh", 1),
        ("AB +", "AB+", "en", 1),
        ("20 °C", "20°C", "en", 1),
        ("- 5", "5", "en", 0),
        ("3 × 4", "3 + 4", "en", 0),
        ("5 - 3", "5 + 3", "en", 0),
        ("Total — five", "total 5", "en", 1),
        ("", "👍", "en", 0),
        ("...", "?", "en", 0),
        ("", "", "en", 1),
        ("- yes", "yes", "en", 1),
    ],
)
def test_numbers_follow_the_language(a: str, b: str, language: str, value: float) -> None:
    assert normalised(a, b, language=language) == value


def test_numbers_are_compared_by_value_where_that_is_asked(define: Define) -> None:
    file = define("metrics: [{name: normalised, options: {by_value: true}}]")
    (metric,) = build_metrics(file)
    for said, gold in (("4.10", "4.1"), ("007", "7"), ("5.0 mg", "5 mg")):
        found = metric(said, row("?", gold), task=file.spec)
        assert isinstance(found, Marked)
        assert found.value == 1
    found = metric("-5", row("?", "5"), task=file.spec)
    assert isinstance(found, Marked)
    assert found.value == 0


@pytest.mark.parametrize(
    ("text", "point", "held"),
    [
        ("blood group AB-, ward 3", "AB+", False),
        ("blood group AB+, ward 3", "AB+", True),
        ("blood group AB+", "AB", False),
        ("at -5 °C", "5 °C", False),
        ("less: <5 mg", "5 mg", False),
        ("it rose by 5%", "5", False),
        ("请在14天内付款", "14天", True),
        ("请在140天内付款", "14天", False),
        ("see clause 4.10", "clause 4.1", False),
        ("write C++ code", "C", False),
        ("👍 done", "👍", True),
        ("pay €84.20 soon", "84,20 EUR", True),
        ("about ~5 days", "~5 days", True),
        ("in two weeks", "14 days~2 weeks", True),
    ],
)
def test_points_keep_their_signs(text: str, point: str, held: bool) -> None:
    assert contains(text, point) == held


# --- several right answers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("exact", "May 12th"),
        ("normalised", "may 12TH."),
        ("label", "'May 12th'"),
        ("token_f1", "May 12th"),
        ("rouge_1", "May 12th"),
        ("rouge_l", "May 12th"),
        ("chrf", "May 12th"),
        ("coverage", "May 12th"),
        ("recalled", "May 12th"),
        ("{name: points, options: {metric: key_points, from: references}}", "on May 12th at noon"),
    ],
)
def test_the_best_of_several_right_answers_counts(define: Define, metric: str, said: str) -> None:
    spec = metric if metric.startswith("{") else f"{{name: {metric}}}"
    file = define(f"metrics: [{spec}]")
    (built,) = build_metrics(file)
    example = row("?", "the twelfth", **references_tag(["the twelfth", "May 12th"]))
    found = built(said, example, task=file.spec)
    assert isinstance(found, Marked)
    assert found.value == pytest.approx(1)


# --- reasoning ------------------------------------------------------------------------------------

BLOCKS = [
    "<think>It says no, so no.</think>{}",
    "<think>\nno\n</think>\n\n{}",
    "no, I think</think>\n{}",
    "<thinking>no</thinking> {}",
    "<Reasoning>no</Reasoning>\n{}",
    "[THINK]no[/THINK]{}",
    "◁think▷no◁/think▷{}",
    "<seed:think>no</seed:think>{}",
    "<|START_THINKING|>no<|END_THINKING|><|START_RESPONSE|>{}<|END_RESPONSE|>",
    "<|begin_of_thought|>no<|end_of_thought|>\n<|begin_of_solution|>{}<|end_of_solution|>",
    "<|channel|>analysis<|message|>no<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
    "analysisWe say no.assistantfinal{}",
    "<think>a</think>\n<think>b</think>\n{}",
]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("metric", ["exact", "normalised", "label", "rouge_1", "words"])
def test_reasoning_is_no_part_of_an_answer(define: Define, block: str, metric: str) -> None:
    file = define(f"metrics: [{{name: {metric}}}]")
    (built,) = build_metrics(file)
    found = built(block.format("yes"), row("?", "yes"), task=file.spec)
    assert isinstance(found, Marked)
    assert found.value == 1


@pytest.mark.parametrize(
    "text",
    [
        "<think>It says no",
        "<think>no</think>",
        "<think>no</think>\n\n",
        "[THINK]no",
        "<|channel|>analysis<|message|>no",
        "analysisWe say no.",
        "<thinking>\nno\n",
        "◁think▷no",
        "no\n</think>",
    ],
)
def test_only_reasoning_is_unscored(define: Define, text: str) -> None:
    file = define("metrics: [{name: exact}, {name: label}]")
    for metric in build_metrics(file):
        found = metric(text, row("?", "no"), task=file.spec)
        assert isinstance(found, Unscored)
        assert found.reason == "only reasoning, no answer"


@pytest.mark.parametrize(
    "text", ["Put it in a <think> tag.", "I think so", "analysis of variance", "<b>yes</b>", ""]
)
def test_what_only_speaks_of_thinking_is_an_answer(define: Define, text: str) -> None:
    assert exact(text, text) == 1
    file = define("metrics: [{name: exact}]")
    found = build_metrics(file)[0](text, row("?", text or "x"), task=file.spec)
    assert isinstance(found, Marked)
    assert found.value == float(bool(text))


@pytest.mark.parametrize(
    ("language", "word", "digits"),
    [("de", "zwei", "2"), ("fr", "vingt", "20"), ("es", "diez", "10"), ("hi", "दो", "2")],
)
def test_number_words_of_other_languages_are_words_and_equal_themselves_alone(
    language: str, word: str, digits: str
) -> None:
    assert normalised(f"{word} Tage", f"{word} tage", language=language) == 1.0
    assert normalised(f"{word} Tage", f"{digits} Tage", language=language) == 0.0
    # English words inside another language are no numbers either.
    assert normalised("ten", "10", language=language) == 0.0
