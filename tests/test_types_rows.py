from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunewell.store.rows import content_digest, examples_to_table, table_to_examples
from tunewell.types import Example, Media, Message, ToolCall, digest

PLAIN = Example(
    id="1",
    messages=(Message(role="user", content="When?"), Message(role="assistant", content="Today.")),
)

words = st.text(alphabet='abc é\n"{}', max_size=8)
calls = st.builds(ToolCall, name=words, arguments=words, id=words)
media = st.builds(Media, kind=st.sampled_from(["image", "audio"]), reference=words)
turns = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=words,
    tool_calls=st.lists(calls, max_size=2).map(tuple),
    tool_call_id=words,
    name=words,
    reasoning=words,
    weight=st.sampled_from([None, 0.0, 1.0]),
    media=st.lists(media, max_size=1).map(tuple),
    audio=st.sampled_from(["", "05af" * 16]),
)
rows = st.builds(
    Example,
    id=st.just("r"),
    messages=st.lists(turns, max_size=4).map(tuple),
    tools=words,
    rejected=st.lists(turns, max_size=2).map(tuple),
    label=st.sampled_from(["", "good", "bad"]),
)


def test_what_a_row_does_not_have_is_not_written_so_that_old_digests_hold() -> None:
    assert PLAIN.model_dump(mode="json")["messages"][0] == {"role": "user", "content": "When?"}
    assert set(PLAIN.model_dump()) == {
        "id",
        "messages",
        "source",
        "kind",
        "date",
        "group",
        "parent",
        "origin",
        "tags",
    }
    assert "extra" not in examples_to_table([PLAIN]).column_names


@given(st.lists(rows, max_size=3))
def test_rows_come_back_from_a_table_as_they_were(some: list[Example]) -> None:
    assert table_to_examples(examples_to_table(some)) == some


@given(rows)
def test_rows_come_back_from_json_as_they_were(row: Example) -> None:
    assert Example.model_validate_json(row.model_dump_json()) == row


def test_every_turn_of_the_assistant_is_a_target_unless_it_says_otherwise() -> None:
    chat = (
        Message(role="user", content="a"),
        Message(role="assistant", content="b", weight=0),
        Message(role="user", content="c"),
        Message(role="assistant", content="d", weight=1),
        Message(role="user", content="e"),
        Message(role="assistant", content="f"),
    )
    row = Example(id="1", messages=chat)
    assert row.targets == (3, 5)
    assert row.up_to(3).target == "d"
    assert row.model_copy(update={"label": "bad"}).targets == ()


def test_a_call_is_part_of_the_target_and_of_what_is_asked() -> None:
    call = Message(role="assistant", content="", tool_calls=(ToolCall(name="f", arguments="[1]"),))
    answer = Message(role="tool", content="2", tool_call_id="x")
    row = Example(
        id="1",
        messages=(Message(role="system", content="S"), PLAIN.messages[0], call, answer, call),
        tools='[{"name": "f"}]',
    )
    assert row.target == '{"name": "f", "arguments": [1]}'
    assert row.asked.startswith('[{"name": "f"}]\n\nS\n\nWhen?')
    assert row.input.startswith("When?")


RICH = Example(
    id="2",
    messages=(
        Message(role="user", content="Look", media=(Media(kind="audio", reference="a.wav"),)),
        Message(role="assistant", content="", tool_calls=(ToolCall(name="f"),), weight=1.0),
    ),
    tags={"a": "b"},
    group="g",
    label="good",
    rejected=(Message(role="assistant", content="no"),),
)
CLIP = "05af" * 16


def test_digests_from_before_rows_could_be_heard_still_hold() -> None:
    assert (digest(PLAIN.model_dump(mode="json")), digest(RICH.model_dump(mode="json"))) == (
        "5411edc3ebecd349187fd29046f9f7dfd0ce042db02e51991b348072eef800c0",
        "cd21348d9d1aa410b0b6beb3bb01a7a5443726b19301a789bfc20cff790f1fe7",
    )
    tables = [examples_to_table([PLAIN]), examples_to_table([PLAIN, RICH])]
    assert [content_digest(table) for table in tables] == [
        "c08a3bd5b2a4a1c0d1e5f7b007577f45e8559ac9b9b5dac193e3a8da9ce1801b",
        "7bd323bbb95873f618b664e72cca263803621868a30b64d6b3d0a23a49e5aebe",
    ]


def test_what_is_heard_is_part_of_what_is_asked() -> None:
    def heard(clip: str) -> Example:
        said = Message(role="assistant", content="Two tablets.")
        return Example(id="1", messages=(Message(role="user", content="", audio=clip), said))

    assert heard(CLIP).asked != heard("1" + CLIP[1:]).asked
    assert heard(CLIP).audio == (CLIP,)
    assert PLAIN.audio == ()
    assert not any(map(str.isdigit, heard("0123456789abcdef" * 4).input))


def test_a_turn_comes_back_from_curation_with_its_recording() -> None:
    from tunewell.curate.rows import InputRow

    turn = Message(role="user", content="Please write down:", audio=CLIP)
    turns, details = InputRow.turns_of([turn])
    row = InputRow("1", "a:1", turns, details=details)
    row.set_texts(row.texts)
    assert row.example().messages == (turn,)
