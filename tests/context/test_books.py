import pytest

from holdfast.context.books import Books, Recent
from holdfast.context.estimate import Anchor, Estimator
from holdfast.messages import AssistantMessage, UserMessage

ONE = (UserMessage("a"), AssistantMessage("b"))
OTHER = (UserMessage("x"), AssistantMessage("b"))


def test_a_conversation_is_found_by_its_beginning():
    recent = Recent(Books)
    first, other = recent.find(ONE), recent.find(OTHER)
    assert first is not other
    assert recent.find((*ONE, UserMessage("c"))) is first
    assert first.messages == [*ONE, UserMessage("c")]
    assert recent.find(OTHER) is other


def test_a_shorter_or_changed_list_is_another_conversation():
    recent = Recent(Books)
    first = recent.find((*ONE, UserMessage("c")))
    assert recent.find(ONE) is not first
    assert recent.find((UserMessage("changed"), ONE[1], UserMessage("c"), UserMessage("d"))) is not first


def test_what_was_used_longest_ago_is_forgotten():
    recent = Recent(Books, size=2)
    first, second = recent.find(ONE), recent.find(OTHER)
    assert recent.find(ONE) is first
    recent.find((UserMessage("third"),))
    assert recent.find(ONE) is first
    assert recent.find(OTHER) is not second


@pytest.mark.parametrize(
    ("estimator", "before", "now", "ratio"),
    [
        (Estimator(), None, Anchor(500, 100), 1.0),
        (Estimator(), Anchor(500, 100), Anchor(700, 120), 1.0),
        (Estimator(), Anchor(500, 100), Anchor(4500, 2100), 1.5),
        (Estimator(), Anchor(500, 100), Anchor(1500, 600), 1.125),
        (Estimator(), Anchor(500, 100), Anchor(10**6, 2100), 2.5),
        (Estimator(2.0), Anchor(500, 100, reply=1000, reply_counted=500), Anchor(5500, 2600), 2.0),
    ],
)
def test_the_ratio_moves_with_what_was_added_and_is_bounded(estimator, before, now, ratio):
    assert estimator.learnt(before, now).ratio == pytest.approx(ratio)


@pytest.mark.parametrize("anchor", [None, Anchor(500, 100), Anchor(500, 100, 50, 20)])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.37, 4.0])
@pytest.mark.parametrize("budget", [0, 10, 499, 1000, 99_999])
def test_room_and_estimate_agree(anchor, ratio, budget):
    estimator = Estimator(ratio)
    counted = estimator.counted(budget, anchor)
    assert estimator.tokens(counted, anchor) <= max(0, budget)
    assert estimator.tokens(counted + 2, anchor) > budget - 2 * ratio


@pytest.mark.parametrize(
    ("exact", "engine", "anchor", "margin"),
    [
        (True, True, None, 1000 + 500),
        (False, True, None, 1000 + 1500),
        (False, False, None, 1000 + 3000),
        (True, True, Anchor(20_000, 9000), 1000 + 50),
        (True, True, Anchor(20_000, 12_000), 1000 + 100),
    ],
)
def test_the_margin_covers_what_no_usage_does(exact, engine, anchor, margin):
    assert Estimator().margin(100_000, 10_000, anchor, exact=exact, engine=engine) == margin
