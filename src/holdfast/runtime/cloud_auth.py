"""Identities of the clouds: AWS signatures through botocore, Google tokens through google-auth. Both are extras.

Their credential chains (environment, profiles, metadata servers) are theirs; they block, so they run in a thread.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC
from importlib import import_module
from typing import Any, Final, Literal

from msgspec.structs import replace

from holdfast.errors import AuthenticationError, ConfigurationError
from holdfast.providers.codec import HTTPRequest
from holdfast.runtime.auth import Auth
from holdfast.runtime.clock import Clock

_REGION: Final = re.compile(r"bedrock(?:-runtime|-mantle)?[.-]([a-z]{2}(?:-[a-z]+)+-\d)\b")
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_SOON: Final = 60.0
"""A Google token is renewed this many seconds before it ends."""


def cloud_auth(scheme: Literal["google", "aws"], clock: Clock) -> Auth:
    """The identity that the environment gives; nothing is looked up before the first request."""
    return GoogleAuth(clock) if scheme == "google" else AwsAuth()


class AwsAuth:
    """Signature version 4, with the credentials of botocore's chain, or those given."""

    def __init__(self, credentials: Any = None, region: str | None = None) -> None:
        self._credentials = credentials
        self._region = region

    async def sign(self, request: HTTPRequest) -> HTTPRequest:
        """The request with its signature; raises `AuthenticationError` when there are no credentials."""
        if self._credentials is None:
            self._credentials = await asyncio.to_thread(self._find)
        region = self._region or _region_of(request.url)
        aws = _extra("botocore.awsrequest", "aws").AWSRequest(
            method=request.method, url=request.url, data=request.body, headers=dict(request.headers)
        )
        frozen = await asyncio.to_thread(self._credentials.get_frozen_credentials)  # may have to renew them
        _extra("botocore.auth", "aws").SigV4Auth(frozen, "bedrock", region).add_auth(aws)
        return replace(request, headers={name.lower(): value for name, value in aws.headers.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        return AwsAuth, (None, self._region)  # found anew in the other process

    def _find(self) -> Any:
        session = _extra("botocore.session", "aws").Session()
        credentials = session.get_credentials()
        if credentials is None:
            raise AuthenticationError(
                "No AWS credentials: set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or AWS_PROFILE.",
                provider="bedrock",
            )
        return credentials


class GoogleAuth:
    """A bearer token of Google's application default credentials, or of those given; renewed before it ends."""

    def __init__(self, clock: Clock, credentials: Any = None) -> None:
        self._clock = clock
        self._credentials = credentials
        self._renewing = asyncio.Lock()

    async def sign(self, request: HTTPRequest) -> HTTPRequest:
        """The request with a token; raises `AuthenticationError` when there are no credentials."""
        async with self._renewing:
            if not self._is_fresh():
                await asyncio.to_thread(self._renew)
        return replace(request, headers={**request.headers, "authorization": f"Bearer {self._credentials.token}"})

    def __reduce__(self) -> tuple[Any, ...]:
        return GoogleAuth, (self._clock,)  # found anew in the other process

    def _is_fresh(self) -> bool:
        credentials = self._credentials
        if credentials is None or not credentials.token:
            return False
        if credentials.expiry is None:
            return True
        left: float = credentials.expiry.replace(tzinfo=UTC).timestamp() - self._clock.wall()
        return left > _SOON

    def _renew(self) -> None:
        google = _extra("google.auth", "google")
        try:
            if self._credentials is None:
                self._credentials, _ = google.default(scopes=[_SCOPE])
            self._credentials.refresh(_extra("google.auth.transport.requests", "google").Request())
        except _extra("google.auth.exceptions", "google").GoogleAuthError as error:
            raise AuthenticationError(
                f"No Google credentials: {error} Set GOOGLE_APPLICATION_CREDENTIALS, or run "
                "'gcloud auth application-default login'.",
                provider="vertex",
            ) from error


def _region_of(url: str) -> str:
    match = _REGION.search(url)
    if match is None:
        raise ConfigurationError(f"No AWS region in {url!r}: set AWS_REGION.")
    return match[1]


def _extra(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise ConfigurationError(f"{module} is missing: pip install 'holdfast[{extra}]'") from None
