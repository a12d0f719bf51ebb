"""The names that fields have, at any provider, and what a field of such a name may tell of a failure."""

from __future__ import annotations

from typing import Final, NamedTuple

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
    "retrydelay estimated_time n_ctx n_prompt_tokens quotaid quotavalue quotametric content_filter_result"
    " content_filter_results innererror flagged_input reasons request_id requestid retry_after retryafter"
    " retry_after_seconds retry_after_ms resets_at resets_in_seconds reset_at param categories x-request-id"
    " retry_in retry_after_sec clears_in code headers provider_name error_type failed_generation location"
    " moderation_stage quota_limit_value"
)
# What a caller sent or a model said proves nothing about a failure.
_SKIPPED: Final = names(
    "choices candidates messages input output usage previous_errors content delta prompt ctx loc headers httpheaders"
    " safetyratings usagemetadata links more_info documentation_url doc_url help failed_generation tools"
    " content_filter_result content_filter_results"
)


class Role(NamedTuple):
    """What a field of this name may tell."""

    detail: bool = False
    skipped: bool = False
    status: bool = False
    code: bool = False
    text: bool = False


ROLES: Final = {
    name: Role(name in _DETAIL, name in _SKIPPED, name in _STATUS, name in _CODE, name in _TEXT)
    for name in _DETAIL | _SKIPPED | _STATUS | _CODE | _TEXT
}
