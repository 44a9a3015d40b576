"""Words of any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.checks.segments import count_words, cut_by_words, is_unspaced, words_of


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("请问在哪里可以领取新房间的钥匙", 10, 15),
        ("新しい部屋の鍵はどこで受け取れますか", 10, 18),
        ("ฉันจะรับกุญแจห้องใหม่ได้ที่ไหน", 10, 25),
        ("ຂ້ອຍຈະເອົາກະແຈໄດ້ຢູ່ໃສ", 8, 22),
        ("ខ្ញុំអាចយកកូនសោនៅឯណា", 8, 20),
        ("သော့ကို ဘယ်မှာ ယူရမလဲ", 8, 20),
        ("དེ་རིང་གནམ་གཤིས་ཡག་པོ་འདུག", 6, 10),
    ],
)
def test_scripts_without_spaces_have_many_words(text: str, least: int, most: int) -> None:
    assert is_unspaced(text)
    assert least <= count_words(text) <= most


@pytest.mark.parametrize(
    "text",
    [
        "It costs 5 euros.",
        "새 방 열쇠는 어디에 있나요",
        "मुझे चाबी कहाँ मिलेगी",
        "Πού είναι το κλειδί",
        "- a\n- b",
        "",
    ],
)
def test_scripts_with_spaces_count_as_before(text: str) -> None:
    assert count_words(text) == len(text.split())


def test_marks_belong_to_their_word() -> None:
    assert words_of("हिन्दी में पढ़ें") == ["हिन्दी", "में", "पढ़ें"]
    assert words_of("naïve café, 5 €") == ["naïve", "café", "5"]
    assert words_of("ภาษา A1") == ["ภา", "ษา", "A1"]


def test_mixed_text_counts_both() -> None:
    assert count_words("GPU を 2 台買う") == 6
    assert count_words("価格は 30 ユーロ") == 6


@given(st.text(alphabet="ab 一二。กา ๑", max_size=60), st.integers(1, 7))
def test_cutting_loses_nothing(text: str, most: int) -> None:
    parts = list(cut_by_words(text, most))
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(count_words(part) <= most for part in parts)
