"""Blind comparisons: two arms, one of which may be people, judged by raters who cannot tell."""

from tunewell.compare.analyse import ComparisonResult, analyse, style_of_pairs
from tunewell.compare.answering import answer_waiting, answers_of_file, answers_of_model, as_user
from tunewell.compare.blind import BlindedText, blind_text
from tunewell.compare.book import ComparisonBook
from tunewell.compare.closing import close_and_record, outcome_of_result, sign_and_open
from tunewell.compare.design import (
    AskedQuestion,
    BlindComparison,
    BlindingRules,
    ComparedArm,
    ComparedPair,
    ComparisonDesign,
    GivenAnswer,
    GuessSaid,
    Rated,
    SaidOfPair,
)
from tunewell.compare.inbox import AnswerRequest, HandlingTimes, Inbox
from tunewell.compare.prepared import prepared_questions
from tunewell.compare.style import StylePredictability, style_adjusted, style_predictability

__all__ = [
    "AnswerRequest",
    "AskedQuestion",
    "BlindComparison",
    "BlindedText",
    "BlindingRules",
    "ComparedArm",
    "ComparedPair",
    "ComparisonBook",
    "ComparisonDesign",
    "ComparisonResult",
    "GivenAnswer",
    "GuessSaid",
    "HandlingTimes",
    "Inbox",
    "Rated",
    "SaidOfPair",
    "StylePredictability",
    "analyse",
    "answer_waiting",
    "answers_of_file",
    "answers_of_model",
    "as_user",
    "blind_text",
    "close_and_record",
    "outcome_of_result",
    "prepared_questions",
    "sign_and_open",
    "style_adjusted",
    "style_of_pairs",
    "style_predictability",
]
