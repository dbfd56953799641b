"""The proxy before DynamoDB has the promised effect on a real client: the basis of the other tests."""

import threading

import botocore.exceptions
import pytest

from tests.harness.dynamodb import client
from tests.harness.fault_proxy import DENIED, DONE_AND_FAILED, DROPPED, FAILED, LOST, THROTTLED, WRITES, about


@pytest.fixture
def put(world):
    dynamodb = client(world.proxy.url)

    def put(name):
        dynamodb.put_item(TableName=world.table.name, Item={"pk": {"S": name}, "sk": {"S": "made-up"}})
    return put


def names(world):
    return sorted(item["pk"] for item in world.table.items())


@pytest.mark.parametrize("fault, done", [(THROTTLED, False), (FAILED, False), (DENIED, False), (DONE_AND_FAILED, True)],
                         ids=lambda value: getattr(value, "code", value))
def test_a_scripted_error_is_that_error_to_a_client(world, put, fault, done):
    world.proxy.break_down(fault, "PutItem", when=about("b"), times=1)
    put("a")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        put("b")
    assert refused.value.response["Error"]["Code"] == fault.code
    assert names(world) == (["a", "b"] if done else ["a"])
    put("b")
    assert world.proxy.count(*WRITES) == 3


@pytest.mark.parametrize("fault, done", [(DROPPED, False), (LOST, True)], ids=["dropped", "lost"])
def test_a_connection_drops_before_or_after_the_call_took_effect(world, put, fault, done):
    world.proxy.break_down(fault, skip=1, times=1)
    put("a")
    with pytest.raises(botocore.exceptions.HTTPClientError):
        put("b")
    assert names(world) == (["a", "b"] if done else ["a"])


@pytest.mark.parametrize("after", [False, True])
def test_a_call_stands_still_before_or_after_it_took_effect(world, put, after):
    with world.proxy.pause("PutItem", after=after) as paused:
        working = threading.Thread(target=put, args=("a",))
        working.start()
        paused.wait()
        assert names(world) == (["a"] if after else [])
        paused.release()
        working.join()
    assert names(world) == ["a"]


def test_a_share_of_the_calls_fails_the_same_ones_each_time(world, put):
    def failures():
        failed = []
        world.proxy.break_down(FAILED, share=0.5, seed=7)
        for number in range(40):
            try:
                put("a")
            except botocore.exceptions.ClientError:
                failed.append(number)
        world.proxy.heal()
        return failed

    first = failures()
    assert 5 < len(first) < 35 and failures() == first
