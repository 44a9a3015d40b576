from __future__ import annotations

import numpy as np
import pytest

from tests.similar.desk_and_chat import CHAT, DESK
from tunewell.similar.clusters import clusters
from tunewell.similar.relevance import _share_clear_of, relevance
from tunewell.similar.vectors import available, vectors

pytestmark = pytest.mark.skipif(not available(), reason="the part 'vectors' is not installed")


def test_meaning_tells_small_talk_from_the_desk() -> None:
    judged = relevance([*DESK[::2], *CHAT[::2]], DESK[1::2], CHAT[1::2])
    assert judged is not None
    assert judged.recall.value >= 0.9
    assert (judged.belongs[:15] > 0.5).mean() >= 0.9
    assert (judged.belongs[15:] < 0.5).mean() >= 0.9
    assert relevance(DESK, DESK, CHAT[:3]) is None


def test_rows_called_off_task_by_mistake_lower_the_precision_that_is_stated() -> None:
    judged = relevance(DESK * 3, DESK, CHAT)
    assert judged is not None
    assert judged.off.mean() <= 0.1
    assert judged.precision.low == 0
    mixed = relevance([*DESK, *CHAT], DESK, CHAT)
    assert mixed is not None
    assert mixed.precision.value > 0.9
    assert mixed.precision.low < mixed.precision.value


def test_clusters_find_what_is_apart() -> None:
    random = np.random.default_rng(3)
    points = np.repeat(np.eye(4, 16), 50, axis=0) + 0.05 * random.standard_normal((200, 16))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    own, centres = clusters(points, 4, seed=1)
    assert [len(set(own[i : i + 50].tolist())) for i in range(0, 200, 50)] == [1, 1, 1, 1]
    assert len(set(own.tolist())) == 4
    assert centres.shape == (4, 16)
    assert not vectors([""]).any()


def test_where_nothing_is_off_task_no_call_is_precise() -> None:
    rng = np.random.default_rng(4)
    cut, scores = -0.1, rng.normal(0.3, 0.2, 400)
    called, others = scores[scores < cut], scores[scores >= cut]
    assert _share_clear_of(cut, called, others) < 0.8
    apart = np.concatenate([called, rng.normal(-0.9, 0.1, 80)])
    assert _share_clear_of(cut, apart, others) > 0.8
