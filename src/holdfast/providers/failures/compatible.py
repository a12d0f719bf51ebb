"""Codes of the endpoints that speak a wire of others: numbers and names that mean something at one provider only."""

from __future__ import annotations

from typing import Final

from holdfast.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    InvalidResponseError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
)
from holdfast.providers.failures.rule import Rule

_ZHIPU: Final = ("zhipu", "zai", "z.ai", "z-ai", "bigmodel", "glm", "zhipuai")
_MINIMAX: Final = ("minimax",)
_BAIDU: Final = ("baidu", "qianfan", "ernie", "wenxin")
_SILICON: Final = ("siliconflow",)
_SPARK: Final = ("spark", "iflytek", "xfyun", "xunfei")
_CLOUDFLARE: Final = ("cloudflare", "workers-ai", "cloudflare-workers-ai")


def _numbers(
    name: str, error: type[ModelError], providers: tuple[str, ...], source: str, *codes: int, quota: str | None = None
) -> Rule:
    written = tuple(map(str, codes))
    if error is InvalidRequestError:  # such a number says no more than "a parameter is wrong": the words say which
        return Rule(name=name, error=error, source=source, providers=providers, vague=written)
    return Rule(name=name, error=error, source=source, providers=providers, codes=written, quota=quota)


_ZHIPU_PAGE: Final = "Zhipu / Z.ai 'Error codes'"
_MINIMAX_PAGE: Final = "MiniMax 'Error codes'"
_BAIDU_PAGE: Final = "Baidu Qianfan 'Error codes'"
_SPARK_PAGE: Final = "iFlytek Spark 'Error codes'"

ZHIPU: Final = (
    _numbers("zhipu-authentication", AuthenticationError, _ZHIPU, _ZHIPU_PAGE, 1000, 1001, 1002, 1003, 1004),
    _numbers("zhipu-account", PermissionDeniedError, _ZHIPU, _ZHIPU_PAGE, 1110, 1111, 1112, 1120, 1121, 1220, 1221),
    _numbers("zhipu-credit", QuotaExhaustedError, _ZHIPU, _ZHIPU_PAGE, 1113, 1309, quota="credit"),
    _numbers(
        "zhipu-plan",
        QuotaExhaustedError,
        _ZHIPU,
        _ZHIPU_PAGE,
        1308,
        1310,
        1304,
        1316,
        1317,
        1318,
        1319,
        1320,
        1321,
        quota="plan",
    ),
    _numbers("zhipu-model", ModelNotFoundError, _ZHIPU, _ZHIPU_PAGE, 1211, 1222),
    _numbers("zhipu-model-access", PermissionDeniedError, _ZHIPU, _ZHIPU_PAGE, 1311, 1313),
    _numbers("zhipu-window", ContextOverflowError, _ZHIPU, _ZHIPU_PAGE, 1261),
    _numbers("zhipu-request", InvalidRequestError, _ZHIPU, _ZHIPU_PAGE, 1200, 1210, 1212, 1213, 1214, 1215, 1231),
    _numbers("zhipu-filter", ContentFilterError, _ZHIPU, _ZHIPU_PAGE, 1300, 1301),
    _numbers("zhipu-rate", RateLimitError, _ZHIPU, _ZHIPU_PAGE, 1302, 1303),
    _numbers("zhipu-capacity", OverloadedError, _ZHIPU, _ZHIPU_PAGE, 1305, 1312),
    _numbers("zhipu-server", ServerError, _ZHIPU, _ZHIPU_PAGE, 500, 1230, 1234),
)
MINIMAX: Final = (
    _numbers("minimax-timeout", ModelTimeoutError, _MINIMAX, _MINIMAX_PAGE, 1001),
    _numbers("minimax-rate", RateLimitError, _MINIMAX, _MINIMAX_PAGE, 1002, 1041, 2045, 2056),
    _numbers("minimax-authentication", AuthenticationError, _MINIMAX, _MINIMAX_PAGE, 1004, 2049),
    _numbers("minimax-credit", QuotaExhaustedError, _MINIMAX, _MINIMAX_PAGE, 1008, quota="credit"),
    _numbers("minimax-server", ServerError, _MINIMAX, _MINIMAX_PAGE, 1000, 1013, 1024, 1033),
    Rule(
        name="minimax-prompt-filter",
        error=ContentFilterError,
        source=_MINIMAX_PAGE,
        providers=_MINIMAX,
        codes=("1026",),
        scope="prompt",
    ),
    Rule(
        name="minimax-response-filter",
        error=ContentFilterError,
        source=_MINIMAX_PAGE,
        providers=_MINIMAX,
        codes=("1027",),
        scope="response",
    ),
)
BAIDU: Final = (
    _numbers(
        "baidu-rate", RateLimitError, _BAIDU, _BAIDU_PAGE, 4, 17, 18, 336501, 336502, 336503, 336504, 336505, 336507
    ),
    _numbers("baidu-credit", QuotaExhaustedError, _BAIDU, _BAIDU_PAGE, 19, quota="credit"),
    _numbers("baidu-authentication", AuthenticationError, _BAIDU, _BAIDU_PAGE, 13, 14, 100, 110, 111),
    _numbers("baidu-permission", PermissionDeniedError, _BAIDU, _BAIDU_PAGE, 6, 15),
    _numbers("baidu-capacity", OverloadedError, _BAIDU, _BAIDU_PAGE, 336100, 336200),
    _numbers("baidu-model", ModelNotFoundError, _BAIDU, _BAIDU_PAGE, 3),
    _numbers("baidu-window", ContextOverflowError, _BAIDU, _BAIDU_PAGE, 336007, 336103),
    _numbers("baidu-request", InvalidRequestError, _BAIDU, _BAIDU_PAGE, 336001, 336002, 336003, 336004, 336005, 336006),
    _numbers("baidu-filter", ContentFilterError, _BAIDU, _BAIDU_PAGE, 336104, 216303, 336008),
    _numbers("baidu-server", ServerError, _BAIDU, _BAIDU_PAGE, 1, 2, 336000),
)
SPARK: Final = (
    _numbers("spark-filter", ContentFilterError, _SPARK, _SPARK_PAGE, 10013, 10014, 10019),
    _numbers("spark-window", ContextOverflowError, _SPARK, _SPARK_PAGE, 10907),
    _numbers("spark-credit", QuotaExhaustedError, _SPARK, _SPARK_PAGE, 11200, quota="credit"),
    _numbers("spark-rate", RateLimitError, _SPARK, _SPARK_PAGE, 10006, 10007, 11201, 11202, 11203),
    _numbers("spark-capacity", OverloadedError, _SPARK, _SPARK_PAGE, 10008, 10010, 10110),
    _numbers("spark-authentication", AuthenticationError, _SPARK, _SPARK_PAGE, 10015, 10016, 10313),
)
SILICON: Final = (
    _numbers("siliconflow-model", ModelNotFoundError, _SILICON, "SiliconFlow 'Error codes'", 20012),
    _numbers("siliconflow-request", InvalidRequestError, _SILICON, "SiliconFlow 'Error codes'", 20015),
    _numbers(
        "siliconflow-credit", QuotaExhaustedError, _SILICON, "SiliconFlow 'Error codes'", 30001, 30011, quota="credit"
    ),
    _numbers("siliconflow-disabled", PermissionDeniedError, _SILICON, "SiliconFlow 'Error codes'", 30003),
    _numbers("siliconflow-capacity", OverloadedError, _SILICON, "SiliconFlow 'Error codes'", 50501, 50505, 50508),
)
CLOUDFLARE: Final = (
    _numbers(
        "workers-ai-quota", QuotaExhaustedError, _CLOUDFLARE, "Cloudflare Workers AI 'Errors'", 3036, 4006, quota="day"
    ),
    _numbers("workers-ai-capacity", OverloadedError, _CLOUDFLARE, "Cloudflare Workers AI 'Errors'", 3040),
    _numbers("workers-ai-timeout", ModelTimeoutError, _CLOUDFLARE, "Cloudflare Workers AI 'Errors'", 3007, 3046),
    _numbers("workers-ai-model", ModelNotFoundError, _CLOUDFLARE, "Cloudflare Workers AI 'Errors'", 5007, 3042),
    _numbers("workers-ai-window", ContextOverflowError, _CLOUDFLARE, "Cloudflare Workers AI 'Errors'", 5021),
    _numbers("workers-ai-too-large", RequestTooLargeError, _CLOUDFLARE, "Cloudflare Workers AI 'Errors'", 3006),
    _numbers(
        "workers-ai-permission", PermissionDeniedError, _CLOUDFLARE, "Cloudflare Workers AI 'Errors'", 3041, 5016, 5018
    ),
    _numbers(
        "workers-ai-request", InvalidRequestError, _CLOUDFLARE, "Cloudflare Workers AI 'Errors'", 5004, 5005, 3003
    ),
    _numbers(
        "workers-ai-authentication", AuthenticationError, _CLOUDFLARE, "Cloudflare API 'Error codes'", 10000, 9109, 9106
    ),
)
NAMED: Final = (
    Rule(
        name="cohere-unsafe",
        error=ContentFilterError,
        source="Cohere 'Errors': 498, a request that violates the usage guidelines",
        providers=("cohere",),
        statuses=(498,),
        sure=True,
        scope="prompt",
    ),
    Rule(
        name="account-in-arrears",
        error=QuotaExhaustedError,
        source="DashScope 'Arrearage', Volcengine 'AccountOverdueError', Tencent, Moonshot, new-api",
        codes=(
            "arrearage",
            "prepaidbilloverdue",
            "postpaidbilloverdue",
            "commoditynotpurchased",
            "allocationquota.freetieronly",
            "accountoverdueerror",
            "accountoverdue",
            "setlimitexceeded",
            "modelaccountrpmzero",
            "exceeded_current_quota_error",
            "insufficient_user_quota",
            "pre_consume_token_quota_failed",
            "insufficient_token_quota",
            "failedoperation.freeresourcepackexhausted",
            "failedoperation.resourcepackexhausted",
            "resourceinsufficient.chargeresourceexhaust",
            "coding_plan_month_quota_exceeded",
            "coding_plan_week_quota_exceeded",
            "account_overdue",
            "tokens_exhausted",
        ),
        quota="credit",
        meaning="The account owes money, or its free or paid allowance is used up.",
    ),
    Rule(
        name="throttled-by-name",
        error=RateLimitError,
        source="DashScope 'Throttling.*', Volcengine 'RateLimitExceeded.*', Tencent 'LimitExceeded', Baidu V2",
        types=(
            "throttling",
            "throttling.ratequota",
            "throttling.burstrate",
            "throttling.allocationquota",
            "limitrequests",
            "ratelimitexceeded.endpointrpmexceeded",
            "ratelimitexceeded.endpointtpmexceeded",
            "modelaccountrpmratelimitexceeded",
            "modelaccounttpmratelimitexceeded",
            "modelaccountipmratelimitexceeded",
            "accountratelimitexceeded",
            "requestbursttoofast",
            "inflightbatchsizeexceeded",
            "rpm_rate_limit_exceeded",
            "tpm_rate_limit_exceeded",
            "preemptible_rate_limit_exceeded",
            "requestlimitexceeded",
            "limitexceeded",
            "usage_limit_exceeded",
            "userrate_limit_exceeded",
        ),
        meaning="Too many requests or tokens in too short a time.",
    ),
    Rule(
        name="capacity-by-name",
        error=OverloadedError,
        source="DashScope 'ModelServingError', 'ModelUnavailable'; Volcengine 'ServerOverloaded', 'ModelLoadingError'",
        codes=("modelservingerror", "modelunavailable", "serveroverloaded", "modelloadingerror", "server_busy"),
    ),
    Rule(
        name="filtered-by-name",
        error=ContentFilterError,
        source="Volcengine 'InputTextSensitiveContentDetected'; Baidu V2 'unsafe_request'",
        codes=(
            "inputtextsensitivecontentdetected",
            "inputimagesensitivecontentdetected",
            "inputvideosensitivecontentdetected",
            "sensitivecontentdetected.severeviolation",
            "sensitivecontentdetected.violence",
            "unsafe_request",
            "requestrisk",
        ),
        scope="prompt",
    ),
    Rule(
        name="answer-filtered-by-name",
        error=ContentFilterError,
        source="Volcengine 'OutputTextSensitiveContentDetected'",
        codes=(
            "outputtextsensitivecontentdetected",
            "outputimagesensitivecontentdetected",
            "outputvideosensitivecontentdetected",
        ),
        scope="response",
    ),
    Rule(
        name="permission-by-name",
        error=PermissionDeniedError,
        source="DashScope 'AccessDenied.Unpurchased', 'Model.AccessDenied'; Volcengine 'AccessDenied', 'ModelNotOpen'",
        codes=("model.accessdenied", "workspace.accessdenied", "app.accessdenied", "asyncaccessdenied", "no_such_app"),
    ),
    Rule(
        name="bad-generation",
        error=InvalidResponseError,
        source="OpenAI 'model_error' (500): the model produced what the server could not use",
        codes=("model_error",),
    ),
)

RULES: Final = (*NAMED, *ZHIPU, *MINIMAX, *BAIDU, *SPARK, *SILICON, *CLOUDFLARE)
"""All of them; the numbered ones hold at their providers only."""
