"""The page on configuration says what there is, all of it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from holdfast.errors import ConfigurationError
from holdfast.providers.catalog import CATALOG, EndpointSpec
from holdfast.recovery import policies
from holdfast.request import Timeouts
from holdfast.runtime.config import read_config
from holdfast.runtime.prices import Price

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
TOLD = set(re.findall(r"`([\w-]+)`", PAGE))
BUILDERS = ("on_overflow", "ask_again", "retry", "fallback", "answer")


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_every_endpoint_of_the_catalog_is_named(name):
    assert name in TOLD


def test_every_key_is_explained():
    with pytest.raises(ConfigurationError, match="Known: ") as caught:
        read_config({"qqqqq": 1})
    keys = re.findall(r"\w+", str(caught.value).partition("Known: ")[2])
    assert set(keys) <= TOLD
    for keys in (Timeouts.__struct_fields__, Price.__struct_fields__):
        assert set(keys) <= TOLD
    assert set(EndpointSpec.__struct_fields__) - {"name", "variants"} <= TOLD


@pytest.mark.parametrize("name", BUILDERS)
def test_every_policy_is_explained_with_its_arguments(name):
    said = re.search(rf"`{name}` \(([^)]*)\)", PAGE)
    assert said is not None
    assert set(re.findall(r"`(\w+)`", said[1])) == set(inspect.signature(getattr(policies, name)).parameters)
