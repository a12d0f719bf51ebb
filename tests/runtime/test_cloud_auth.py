"""Identities of the clouds: signatures as botocore makes them, tokens that are renewed in time."""

from __future__ import annotations

import datetime as dt
import pickle

import pytest

from holdfast.errors import AuthenticationError, ConfigurationError
from holdfast.providers.codec import HTTPRequest
from holdfast.runtime import cloud_auth as module
from holdfast.runtime.clock import SystemClock
from holdfast.runtime.cloud_auth import AwsAuth, GoogleAuth
from holdfast.testing import FakeClock

botocore = pytest.importorskip("botocore")
pytest.importorskip("google.auth")

from botocore.auth import SigV4Auth  # noqa: E402  # extras, which are looked for first
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from google.auth.exceptions import RefreshError  # noqa: E402

URL = "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.claude-v1%3A0/converse"
REQUEST = HTTPRequest(url=URL, body=b'{"messages":[]}', headers={"content-type": "application/json"})
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.fixture
def moment(monkeypatch):
    """The time at which botocore signs."""
    import botocore.auth  # noqa: PLC0415  # where it looks for the time

    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: MOMENT.replace(tzinfo=None))


@pytest.mark.parametrize("token", [None, "session-token"])
@pytest.mark.usefixtures("moment")
async def test_a_signature_is_that_of_botocore(token):
    credentials = Credentials("AKIDEXAMPLE", "a-secret-key", token)
    expected = AWSRequest("POST", URL, data=REQUEST.body, headers=dict(REQUEST.headers))
    SigV4Auth(credentials.get_frozen_credentials(), "bedrock", "eu-central-1").add_auth(expected)
    signed = await AwsAuth(credentials).sign(REQUEST)
    assert signed.headers == {name.lower(): value for name, value in expected.headers.items()}
    assert "/20260102/eu-central-1/bedrock/aws4_request" in signed.headers["authorization"]
    assert (signed.url, signed.body) == (REQUEST.url, REQUEST.body)
    assert "a-secret-key" not in str(signed.headers)


async def test_a_region_is_read_from_the_address_or_asked_for():
    credentials = Credentials("AKIDEXAMPLE", "a-secret-key")
    elsewhere = HTTPRequest(url="http://127.0.0.1:9/model/m/converse")
    assert "/us-west-2/" in (await AwsAuth(credentials, "us-west-2").sign(elsewhere)).headers["authorization"]
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        await AwsAuth(credentials).sign(elsewhere)


async def test_without_credentials_the_error_says_what_to_set(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(AuthenticationError, match="AWS_ACCESS_KEY_ID"):
        await AwsAuth().sign(REQUEST)


class Tokens:
    """Credentials as google-auth has them: a token, an end, a way to renew."""

    def __init__(self, clock: FakeClock, life: float | None, failure: Exception | None = None) -> None:
        self.token: str | None = None
        self.expiry: dt.datetime | None = None
        self.renewed = 0
        self._clock, self._life, self._failure = clock, life, failure

    def refresh(self, request: object) -> None:
        assert callable(request)
        if self._failure is not None:
            raise self._failure
        self.renewed += 1
        self.token = f"token-{self.renewed}"
        if self._life is not None:
            ends = dt.datetime.fromtimestamp(self._clock.wall() + self._life, dt.UTC)
            self.expiry = ends.replace(tzinfo=None)


async def test_a_google_token_is_renewed_a_minute_before_it_ends():
    clock = FakeClock()
    tokens = Tokens(clock, 3600)
    auth = GoogleAuth(clock, tokens)
    seen = []
    for passed in (0, 3500, 50, 0):
        await clock.advance(passed)
        seen.append((await auth.sign(REQUEST)).headers["authorization"])
    assert seen == ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2"]


async def test_a_google_token_without_an_end_is_kept():
    clock = FakeClock()
    auth = GoogleAuth(clock, Tokens(clock, None))
    first = await auth.sign(REQUEST)
    await clock.advance(1e6)
    assert (await auth.sign(REQUEST)).headers == first.headers


async def test_google_credentials_that_cannot_be_renewed_are_a_typed_error():
    clock = FakeClock()
    with pytest.raises(AuthenticationError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        await GoogleAuth(clock, Tokens(clock, 1, RefreshError("gone"))).sign(REQUEST)


def test_what_is_pickled_holds_no_credentials():
    aws = AwsAuth(Credentials("AKIDEXAMPLE", "a-secret-key"), "us-east-1")
    google = GoogleAuth(SystemClock(), Tokens(FakeClock(), 1))
    for auth in (aws, google):
        data = pickle.dumps(auth)
        assert b"a-secret-key" not in data
        assert b"Tokens" not in data


@pytest.mark.parametrize("auth", [AwsAuth(), GoogleAuth(FakeClock())])
async def test_a_missing_extra_is_named(monkeypatch, auth):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(module, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"pip install 'holdfast\[(aws|google)\]'"):
        await auth.sign(REQUEST)
