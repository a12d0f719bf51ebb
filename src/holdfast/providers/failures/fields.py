"""The names that fields have, at any provider, and what a field of such a name may tell of a failure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from holdfast.providers.failures.words import names

_CODE: Final = names(
    "exception-type x-amzn-errortype code type status reason error_code errorcode err_code error_type errortype __type"
    " exceptionname name error_name category blockreason stopreason subtype err_type errtype"
)
_TEXT: Final = names(
    "message msg error detail error_msg error_message errormessage description title err_msg errmsg raw reason"
    " error_description explanation userfacingmessage developer_message errors cause status_msg statusmessage"
    " originalmessage text_body response_code_details fault faultstring details quotametric"
)
_STATUS: Final = names(
    "code status statuscode status_code response_code http_code http_status httpstatuscode httpstatus error_code"
    " originalstatuscode original_status_code upstream_status"
)
_DETAIL: Final = names(
    "n_ctx n_prompt_tokens quotaid quotavalue quotametric content_filter_result content_filter_results innererror"
    " flagged_input reasons param categories code provider_name error_type failed_generation location moderation_stage"
    " quota_limit_value"
)
# What is of one response only.
_ASIDE: Final = names(
    "request_id requestid x-request-id headers retrydelay estimated_time retry_after retryafter retry_after_seconds"
    " retry_after_ms retry_after_sec retry_in clears_in resets_at resets_in_seconds reset_at"
)
# What a caller sent or a model said proves nothing about a failure.
_SKIPPED: Final = names(
    "choices candidates messages input output usage previous_errors content delta prompt ctx loc headers httpheaders"
    " safetyratings usagemetadata links more_info documentation_url doc_url help failed_generation tools"
    " content_filter_result content_filter_results"
)


class Role(Struct, frozen=True):
    """What a field of this name may tell: a fact as it is, and a status, a code, a text for people."""

    fact: bool = False
    aside: bool = False
    skipped: bool = False
    status: bool = False
    code: bool = False
    text: bool = False


def _role(name: str) -> Role:
    told = name not in _SKIPPED
    return Role(
        fact=name in _DETAIL or name in _ASIDE,
        aside=name in _ASIDE,
        skipped=not told,
        status=told and name in _STATUS,
        code=told and name in _CODE,
        text=told and name in _TEXT,
    )


ROLES: Final = {name: _role(name) for name in _DETAIL | _ASIDE | _SKIPPED | _STATUS | _CODE | _TEXT}
OTHER: Final = Role()
"""The role of a field of any other name."""
