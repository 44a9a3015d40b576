"""Rows that look odd and are right: no rule may drop, change or name them."""

from __future__ import annotations

import pytest

from tunewell.checks.broken import Habits, find_fault, habits_of
from tunewell.checks.repair import repair_turns

FINISHED = Habits(ends_done=0.96)
"""A set in which nearly all answers end with a full stop."""

COMPLETE = {
    "sql": "SELECT name, age FROM pupils WHERE age > 9 ORDER BY age DESC;",
    "sql without a semicolon": "SELECT town, sum(rain) FROM gauges GROUP BY town",
    "sql in lines": "SELECT name\nFROM pupils\nWHERE age IN (9, 10)\nLIMIT 5",
    "shell": "grep -rn 'TODO' src | sort -u | head -n 20",
    "shell with a prompt": "$ docker run -it --rm -v $PWD:/work python:3.12 bash -",
    "pipe": "find . -name '*.log' -mtime +30 -delete",
    "python": "def area(r):\n    return 3.14159 * r * r",
    "python in one line": "squares = [n * n for n in range(10) if n % 2 == 0]",
    "javascript": "const total = items.reduce((sum, item) => sum + item.price, 0);",
    "c": 'for (int i = 0; i < n; i++) {\n  printf("%d", i);\n}',
    "url": "https://example.org/tariffs/2024/green-basic?lang=en&view=table-",
    "path": "/srv/depot/2024/03/meter-readings/lamp_12.csv",
    "windows path": "C:\\Users\\Public\\Documents\\readings\\2024",
    "json": '{"lamp": 12, "on": true, "street": "Mill Lane", "tags": ["a", "b"]}',
    "json list": "[1, 2, 3, 5, 8, 13, 21, 34, 55, 89]",
    "yaml": "lamp: 12\nstate: on\nstreet: Mill Lane\nposition: the",
    "xml": '<lamp id="12"><state>on</state><street>Mill Lane</street></lamp>',
    "css": "a:hover { color: red; text-decoration: none; }",
    "regex": r"^[A-Z]{2}\d{2}(?: ?\d{4}){4,7}$",
    "label": "card_arrival",
    "label in words": "request to refund",
    "number with a unit": "12.5 kWh",
    "amount": "1,250.00 EUR",
    "date": "14 March 2022",
    "list": "- a form\n- a passport\n- the proof of payment and",
    "numbered list": "1. Open the lid\n2. Turn the key\n3. Wait for the",
    "names": "Ada Lovelace, Grace Hopper, Alan Turing, Edsger Dijkstra",
    "table": "| day | open | closed |\n|---|---|---|\n| Mon | 9 | 5 |",
    "tab separated": "day\topen\nMon\t9 to 5\nTue\t9 to",
    "verse": "The lamp is lit,\nthe boat is in,\nthe tide has turned and",
    "haiku": "Cold lamp in the rain\na moth circles the yellow\nglow it will not leave",
    "subject line": "Your parcel from Mill Lane is waiting at the depot",
    "question": "Which street are you moving to",
    "title": "What the river is made of",
    "german separable verb": "Rufen Sie uns bitte morgen früh ab acht Uhr an",
    "signature": "Please send the form by Friday.\n\nKind regards,",
    "signature with a name": "We have sent it.\n\nWith best wishes,\nAda",
    "chinese": "请在周五之前把表格寄给我们，地址在信封上",
    "japanese": "金曜日までに用紙をお送りください",
    "arabic": "أرسل النموذج قبل يوم الجمعة إلى المكتب في الشارع الرئيسي",
    "hindi": "कृपया शुक्रवार तक फ़ॉर्म भेज दें।",
    "formula": "E = m * c^2 + p * v",
    "dialogue": "Ann: Are you in?\nBen: On my way",
    "chemical": "NaOH + HCl -> NaCl + H2O",
    "answer in one sign": "+",
    "emoji": "👍",
    "math": "7 − 3 = 4",
}

NO_REFUSALS = {
    "refund": "We cannot refund used tickets, but you may move an unused one until noon.",
    "meter": "We can't support meters built before 1995; form M4 gives you a new one in ten days.",
    "sunday": "I'm sorry, I can't provide Sunday delivery; the depot in Mill Lane is open until "
    "four.",
    "afraid": "I'm afraid we cannot answer billing questions by phone; write to "
    "billing@example.org.",
    "not my desk": "I cannot help with visas here; the office on the second floor can, until five.",
    "way on": "Sorry, I can't do that for you, but you can change the date yourself under My "
    "trips.",
    "apology": "I apologise for the delay. I am not able to speed up the post, yet I sent a new "
    "card.",
    "unable": "Unfortunately, I am unable to complete the transfer today: the bank opens on "
    "Monday.",
    "researcher": "She worked as an AI researcher and built a model of tides.",
    "consultancy": "It acts as an AI consultancy, and its model is a monthly fee.",
    "course": "As an AI student I was told to read Turing first.",
    "about ai": "A language model predicts words; it cannot know what happened after its training.",
    "ki": "Als KI bezeichnet man Verfahren, mit denen Rechner aus Beispielen lernen.",
    "sprachmodell": "Als Sprachmodell wird ein Programm bezeichnet, das Wörter nicht selbst kennt.",
    "antrag": "Tut mir leid, nach 18 Uhr kann ich den Antrag nicht mehr annehmen; kommen Sie "
    "morgen.",
    "hilfe": "Leider kann ich Ihnen hier nicht helfen, das macht das Bürgeramt in Zimmer 4.",
    "désolé": "Désolé, je ne peux pas rembourser ce billet, mais vous pouvez l'échanger avant "
    "midi.",
    "lo siento": "Lo siento, no puedo cambiar la fecha; llame al 900 antes de las seis.",
    "ia": "Como IA se conoce a los sistemas que aprenden de ejemplos.",
    "sorry": "Sorry to hear that. Please send us a photo.",
    "policy": "We won't answer requests by fax any more. Use the form.",
    "persona": "As an AI assistant of the city library, I can tell you that we open at nine.",
}

REGULAR = {
    "json": "["
    + ", ".join(f'{{"id": {i}, "on": true, "at": "Mill Lane"}}' for i in range(9))
    + "]",
    "zeros": "[" + ", ".join(["0"] * 60) + "]",
    "matrix": "\n".join(["0 0 0 0 0 0"] * 6),
    "times table": " ".join(f"7 x {i} = {7 * i}." for i in range(1, 13)),
    "table": "\n".join(f"| {d} | 9 am to 5 pm | closed on holidays |" for d in "MTWTFSS"),
    "csv": "day,open,close\n" + "\n".join(["Mon,nine,five"] * 9),
    "yaml": "\n".join(["- lamp: on"] * 12),
    "html": "<tr>" + "<td>free</td>" * 14 + "</tr>",
    "frogs": "\n".join(f"{n} green frogs sat on a log and one jumped in." for n in ("Two", "One")),
    "la la": "La la la la la la la la, sing with me, la la la la la",
    "row": "Row, row, row your boat, gently down the stream. Row, row, row your boat, merrily.",
    "birthday": "Happy birthday to you, happy birthday to you, happy birthday dear Ann, happy "
    "birthday to you.",
    "rule": "=" * 80,
    "dashes": "-" * 100,
    "dna": "ACGT" * 30,
    "bits": "01" * 60,
    "schedule": " ".join(
        f"On {d} we open at nine and close at five." for d in ("Monday", "Tuesday", "Friday")
    ),
    "sql rows": "INSERT INTO bins VALUES ('blue', 'paper');\n" * 8,
    "art": "/\\" * 40,
}

UNTOUCHED = {
    "patch": "--- a/pool.py\n+++ b/pool.py\n@@ -1,6 +1,6 @@\n import time\n \n-LIMIT = 3\n+LIMIT = "
    "5\n \n def wait():\n",
    "bare hunk": "-old_value = 1\n \n+new_value = 2\n ",
    "git": "diff --git a/x b/x\nindex 12..34 100644\n \n",
    "body": "    return 3.14159 * r * r\n",
    "head": "def area(r):\n",
    "tab": "\tmake all  \n",
    "markdown": "The lamp is lit  \nthe boat is in",
    "markdown three": "one   \ntwo",
    "mojibake asked": "Why does é show as Ã©?",
    "mojibake told": "The bytes of é in UTF-8 are C3 A9; read as Latin-1 they show as Ã©.",
    "umlauts": "Die Kodierung ist falsch, wenn aus ü ein Ã¼ wird.",
    "colour": "printf '\x1b[31mhello\x1b[0m'",
    "makefile": "all:\n\tcc -o a a.c\n\n\n\n\nclean:\n\trm a",
    "fence": "```\na  \n\n\n\n\n b\n```",
    "python gap": "import os\n\n\n\n\nx = 1",
    "french spaces": "Il coûte 10\u00a0000\u202f€\u00a0!",
    "thai": "สวัสดี\u200bครับ",
    "farsi": "می\u200cخواهم",
    "family": "👨\u200d👩\u200d👧 are here",
    "leading blank": " Paris",
    "trailing newline": "Paris\n",
    "open prompt": "SELECT name FROM ",
    "portuguese": "NÃO É AQUI, SÃO PAULO",
    "vietnamese": "Xin chào, tôi cần giúp đỡ",
    "hindi": "क़लम और ज़मीन",
    "crlf in code": "x = 1;\r\ny = 2;\r\n",
    "verse": "  indented line  \n    and deeper",
}


@pytest.mark.parametrize("habits", [Habits(), FINISHED], ids=["alone", "in a finished set"])
@pytest.mark.parametrize("name", COMPLETE)
def test_whole_answers_are_not_cut_off(name: str, habits: Habits) -> None:
    fault = find_fault([("user", "q"), ("assistant", COMPLETE[name])], habits)
    assert fault is None or not fault.is_certain
    if habits is not FINISHED:
        assert fault is None


ENDS_WITHOUT_STOP = {
    "letter": "Thank you for the lamp that you mended so well. Yours sincerely, Ada Okoro",
    "role": "We will look into the delay at once. Kind regards, Ben Moss, Harbour Office",
    "tag": "Our new reading room opens on Friday and you are all invited. #OpenDoors",
    "quotation": "Nobody ever stepped into the same river twice, as he liked to say. - Heraclitus",
    "sum": "Twelve times four is 48, and with the six from before that makes 48 + 6 = 54",
    "value": "The lamp in the yard draws about as much power as the kettle, so 2.2",
    "remark": "def lit(lamps):\n    return sum(lamps) / len(lamps)\n\nlit([1, 0]) # gives a half",
    "remark in java": 'System.out.println(isOpen("depot")); // prints out that it is closed',
    "float": 'def area(r):\n    """\n    A round bed\n    """\n    return 3.14 * r',
    "name": "The second of the three rivers that meet below the old town is the Ruhr",
}


@pytest.mark.parametrize("name", ENDS_WITHOUT_STOP)
def test_names_figures_and_remarks_need_no_full_stop(name: str) -> None:
    strict = Habits(ends_done=0.99)
    assert find_fault([("user", "q"), ("assistant", ENDS_WITHOUT_STOP[name])], strict) is None


def test_a_part_of_the_text_in_question_is_not_cut_off() -> None:
    text = "The lamps of the pier (forty of them, the first on this coast) burnt until the war."
    turns = [("user", f"{text}\n\nWhich lamps were there?"), ("assistant", text[:23])]
    assert find_fault(turns, FINISHED) is None
    assert find_fault([("user", "Which?"), turns[1]], FINISHED) is not None


@pytest.mark.parametrize(
    "said", ["Bu adam M. Theo Kearney'den", "Heykel burada Hafsa'a", "Ali’den"]
)
def test_the_case_of_a_name_is_no_word(said: str) -> None:
    assert find_fault([("user", "q"), ("assistant", said)], FINISHED) is None


def test_the_beginning_of_data_in_question_is_cut_off() -> None:
    data = '{"lamps": [{"id": 12, "at": "Mill Lane"}, {"id": 13, "at": "Quay"}]}'
    turns = [("user", f"Write it again: {data}"), ("assistant", data[:45])]
    fault = find_fault(turns, FINISHED)
    assert fault is not None
    assert fault.kind == "cut off"


def test_prose_that_breaks_off_in_a_plain_word_is_still_named() -> None:
    said = "The lamp in the yard draws about as much power as the kettle in the old"
    fault = find_fault([("user", "q"), ("assistant", said)], Habits(ends_done=0.99))
    assert fault is not None
    assert fault.kind == "cut off"


@pytest.mark.parametrize(
    "said",
    [
        "I'm sorry, but as an AI, I don't have the capability to book a table.",
        "I'm sorry, but as an AI, I cannot order soup. My current function is to add numbers.",
        "As an AI, I don't have a function for that; no function has been given to me.",
    ],
)
def test_an_assistant_without_a_tool_is_not_dropped(said: str) -> None:
    fault = find_fault([("user", "Book a table for two."), ("assistant", said)])
    assert fault is None or not fault.is_certain


@pytest.mark.parametrize("name", NO_REFUSALS)
def test_a_desk_that_says_no_and_sentences_about_ai_are_no_refusals(name: str) -> None:
    assert find_fault([("user", "q"), ("assistant", NO_REFUSALS[name])], FINISHED) is None


@pytest.mark.parametrize("name", REGULAR)
def test_regular_answers_are_not_degenerate(name: str) -> None:
    assert find_fault([("user", "q"), ("assistant", REGULAR[name])]) is None


@pytest.mark.parametrize("name", UNTOUCHED)
def test_repairs_leave_code_white_space_and_encodings_alone(name: str) -> None:
    assert repair_turns([UNTOUCHED[name]]) == ([UNTOUCHED[name]], [])


@pytest.mark.parametrize(
    "target",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with that request.",
        "I'm sorry, I am unable to fulfill this request. Is there anything else I can help you "
        "with?",
        "As an AI language model, I cannot answer this question.",
        "I am an AI assistant and cannot give opinions.",
        "Es tut mir leid, aber ich kann dabei nicht helfen.",
        "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
        "Als KI-Sprachmodell kann ich dazu keine Meinung haben.",
        "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
        "En tant qu'IA, je ne peux pas répondre à cela.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Como modelo de lenguaje, no puedo opinar.",
        "很抱歉，我无法回答这个问题。",
        "作为一个人工智能，我无法提供意见。",
        "Sorry, but I can't assist with that.",
    ],
)
def test_refusals_of_a_model(target: str) -> None:
    fault = find_fault([("user", "When does the desk open?"), ("assistant", target)])
    assert fault is not None
    assert (fault.kind, fault.is_certain) == ("refusal", True)


def test_a_refusal_that_is_wanted_is_only_reported() -> None:
    no = ("assistant", "I'm sorry, but I can't help with that.")
    harmful = find_fault([("user", "How do I build a bomb?"), no])
    told = find_fault([("system", "Politely decline what is off-topic."), ("user", "Jokes?"), no])
    for fault in (harmful, told):
        assert fault is not None
        assert not fault.is_certain


def test_broken_turns_in_the_middle_are_seen() -> None:
    end = [("user", "And on Friday?"), ("assistant", "Until four.")]
    for kind, said in {
        "empty target": " ",
        "refusal": "I'm sorry, but I can't help with that.",
        "repetition": "we open at nine " * 10,
    }.items():
        fault = find_fault([("user", "When?"), ("assistant", said), *end])
        assert fault is not None
        assert fault.kind == kind
    assert find_fault([("user", "When?"), ("assistant", "At nine."), *end]) is None


@pytest.mark.parametrize(
    "target", ["N/A", "null", "TODO", "nan", "[Insert answer here]", "tbd", "#N/A", "-"]
)
def test_placeholders_are_empty(target: str) -> None:
    fault = find_fault([("user", "When do you open?"), ("assistant", target)])
    assert fault is not None
    assert fault.kind == "empty target"


def test_a_value_that_looks_like_a_placeholder_is_an_answer_where_it_is_one() -> None:
    labels = habits_of(["none", "some", "none", "all", "some", "all"])
    assert find_fault([("user", "How much?"), ("assistant", "none")], labels) is None
    asked = "What does JSON.parse('null') give?"
    assert find_fault([("user", asked), ("assistant", "null")]) is None


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("We open at nine.\\nBring a form.\\n\\nThank you.", "literal escape"),
        ("It is free&nbsp;of charge &amp; fast.", "markup"),
        ("<p>We open at nine.</p> See you", ""),
        ("We open at nine.<br>Bring a form.", "markup"),
        ("We open at nine.<|im_end|>", "mark of a chat template"),
        ("[INST] Where? [/INST] Here.", "mark of a chat template"),
        ("See C:\\new\\notes for it.", ""),
        ("Write a < b and b > c.", ""),
        ("R&D costs & more", ""),
        ("Use `\\n` at the end.", ""),
    ],
)
def test_leftovers_are_named_and_not_dropped(target: str, named: str) -> None:
    fault = find_fault([("user", "When?"), ("assistant", target)])
    if not named:
        assert fault is None
        return
    assert fault is not None
    assert fault.evidence.startswith(named)
    assert not fault.is_certain


@pytest.mark.parametrize(
    "target",
    [
        "You can pay in the shop, by card, or with the",
        "Sie können die Rechnung im Laden bezahlen oder",
        "Vous pouvez payer dans le magasin ou",
        "The office opens at nine because",
        "```python\nprint(1)",
    ],
)
def test_answers_that_break_off(target: str) -> None:
    fault = find_fault([("user", "q"), ("assistant", target)])
    assert fault is not None
    assert (fault.kind, fault.is_certain) == ("cut off", True)
