"""What is too large: for a minute's limit, for the server, for the cap on output."""

from __future__ import annotations

from typing import Final

from holdfast.errors import InvalidRequestError, RequestTooLargeError
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.limits import limit_of
from holdfast.providers.failures.phrases import any_of, near, then
from holdfast.providers.failures.rule import Rule

_MINUTE: Final = any_of(
    "tokens per min",
    "tokens per minute",
    "tpm",
    "input tokens per min",
    "tokens per day",
    "tpd",
    "token rate limit",
)


def more_than_a_minute_allows(evidence: Evidence) -> bool:
    """OpenAI, Groq: `Limit 30000, Requested 30601` never passes; `Requested 385` of the same limit does."""
    if not _MINUTE.any(evidence.words):
        return False
    limit = limit_of(evidence)
    return (
        limit is not None
        and limit.max_tokens is not None
        and limit.requested_tokens is not None
        and limit.requested_tokens > limit.max_tokens
    )


_STRING: Final = then("string", "too long")


def text_too_long(evidence: Evidence) -> bool:
    """OpenAI: a "string too long" in the messages or the input; in `user` or `metadata` it is a bad parameter."""
    if "string_above_max_length" not in evidence.codes and _STRING.within(evidence.words) is None:
        return False
    return not evidence.words.words.isdisjoint(("content", "messages", "input", "prompt", "text", "instructions"))


OUTPUT_CAP: Final = Rule(
    name="output-cap",
    error=InvalidRequestError,
    source="OpenAI 'max_tokens is too large', Anthropic, Bedrock, Groq, Databricks: the model's limit on output",
    codes=(
        "max_tokens_exceeded",
        "integer_above_max_value",
    ),
    phrases=(
        "max_tokens is too large",
        "max_tokens or model output limit was reached",
        "max_completion_tokens is too large",
        "maximum allowed number of output tokens",
        "maximum number of output tokens",
        "maximum tokens you requested exceed",
        "maximum tokens you requested exceeds",
        "max_tokens ... cannot exceed",
        "max_tokens ... must be less than or equal to",
        "max_completion_tokens ... must be less than or equal to",
        "maximum value for max_tokens",
        "must be greater than thinking budget_tokens",
        "range of max_tokens should be",
        "invalid max_tokens value",
        "maxoutputtokens must be",
        "maxoutputtokens ... must be in the range",
        "max_output_tokens ... integer below minimum value",
        "supports at most ... completion tokens",
        "at most ... completion tokens",
        "max_tokens is not supported",
        "max_tokens ... at most",
        "max_tokens ... range",
        "max_output_tokens ... range",
        "maximum tokens in your request",
    ),
    pairs=(
        near(
            "larger greater exceed exceeds above between highest high higher equal",
            "maximum tokens value, max_tokens, max_completion_tokens, max_new_tokens, maxtokens, max_output_tokens, "
            "maxoutputtokens",
        ),
    ),
    meaning="More output was asked for than the model ever gives; the window is not the problem.",
    advice="Lower `max_tokens` to the model's cap.",
)

RULES: Final = (
    Rule(
        name="above-the-minute-limit",
        error=RequestTooLargeError,
        source="OpenAI 429, Groq 413: 'Request too large ... tokens per min (TPM): Limit N, Requested M', M above N",
        test=more_than_a_minute_allows,
        asks=("requested",),
        quota="minute",
        meaning="This one request holds more tokens than the account may send in a whole minute.",
        advice="Send less, raise the account's tier, or use another endpoint.",
    ),
    Rule(
        name="text-too-long",
        error=RequestTooLargeError,
        source="OpenAI 'string_above_max_length' in `messages` or `input`: characters, not tokens",
        test=text_too_long,
        asks=(
            "string_above_max_length",
            "string",
        ),
        meaning="One text of the request has more characters than the provider takes.",
        advice="Split or shorten that text.",
    ),
    OUTPUT_CAP,
    Rule(
        name="too-many-or-too-large-files",
        error=RequestTooLargeError,
        source="Anthropic 'Vision' (5 MB, 8000 and 2000 pixels, 100 images); OpenRouter, vLLM: images per prompt",
        codes=(
            "media_budget_exceeded",
            "image_content_too_large",
            "image_too_large",
            "file_too_large",
            "request_too_large",
            "payload_too_large",
        ),
        phrases=(
            "at most ... in one request",
            "at most ... may be provided",
            "images per request",
            "images per message",
            "image size exceeds",
            "exceeds the maximum image",
            "image dimensions",
            "number of images",
            "max images",
            "video is too long",
            "audio is too long",
            "too many documents",
            "too many files",
            "too many pages",
            "exceeds max pixels",
            "total pixels",
            "image exceeds",
            "image exceed max",
            "images exceed",
            "max allowed size",
            "exceeds 5 mb maximum",
            "image size ... exceeds",
            "image is too large",
            "too many images",
            "at most ... image per prompt",
            "at most ... images per prompt",
            "at most ... image s may be provided",
            "at most ... images may be provided",
            "image count exceeds",
            "too much media",
            "pdf pages",
            "file size exceeds",
            "file is too large",
            "file too large",
            "maximum content size limit",
            "string_above_max_length",
        ),
        pairs=(
            near(
                "image images file files audio video document documents pdf attachment pixels",
                "too large, too big, too many, exceeds, exceed, exceeded, maximum, larger than, more than",
            ),
        ),
        meaning="A file, an image, their number or one text is over the provider's limit.",
        advice="Send fewer, smaller or shorter parts.",
    ),
    Rule(
        name="too-many-bytes",
        error=RequestTooLargeError,
        source="HTTP 413; Anthropic 'Errors' (32 MB); Gemini 20 MB; nginx; express body-parser",
        phrases=(
            "request entity is too large",
            "body exceeded",
            "message size exceeds",
            "message larger than max",
            "inline data ... too large",
            "payload is too large",
            "payload exceeds",
            "request is too large",
            "exceeds the maximum allowed size",
            "maximum allowed payload",
            "size limit exceeded",
            "maximum file size",
            "request exceeds the maximum size",
            "request body too large",
            "request body size",
            "payload too large",
            "max bytes",
            "bytes allowed",
            "payload size exceeds",
            "entity too large",
            "content too large",
            "body is too large",
            "request too large",
            "length limit exceeded",
            "max size ... tokens",
            "request size exceeds",
            "tokens per request",
            "physical batch size",
            "tokens per submitted batch",
        ),
        pairs=(near("payload body request batch", "too large, too big, exceeds, exceed, exceeded, larger than"),),
        hints=(
            "too big",
            "too large",
            "size exceeds",
            "exceeds ... size",
            "exceeds ... mb",
            "size limit",
        ),
        meaning="The request has more bytes than the server or a proxy before it lets through.",
    ),
)
"""Rules of `RequestTooLargeError`, and of the cap on output, which must be asked before the window."""
