"""`holdfast simulate`: a provider that fails on purpose, for any client."""

from __future__ import annotations

import json
import re
import signal
import urllib.error
import urllib.request

import pytest

from holdfast.simulator import expected_answer


def post(url: str, body: dict) -> dict:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310  # loopback
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # as above
        return json.load(response)


def chat(model: str) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": "Who?"}]}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_a_scenario_until_it_is_told_to_stop(spawned, tmp_path, end):
    scenario = tmp_path / "mine.toml"
    scenario.write_text('[models.mine]\nrules = [{ fault = "rate_limit", retry_after = 3, first = 1 }]\n')
    process = spawned("simulate", "--scenario", scenario, "--port", 0)
    first = process.stdout.readline()
    assert "mine" in first
    address = re.search(r"http://[\d.:]+", process.stdout.readline() or first)[0]
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{address}/v1/chat/completions", chat("mine"))
    assert (refused.value.code, refused.value.headers["retry-after"]) == (429, "3")
    refused.value.close()
    answered = post(f"{address}/v1/chat/completions", chat("mine"))
    assert answered["choices"][0]["message"]["content"] == expected_answer("Who?")
    process.send_signal(end)
    rest, told = process.communicate(timeout=10)
    assert (process.returncode, told) == (0, "")
    assert "Served 2 requests." in rest


def test_it_stops_by_itself(holdfast):
    done = holdfast("simulate", "--port", 0, "--seconds", 0.05)
    assert done.exit_code == 0
    assert "stormy" in done.stdout


@pytest.mark.parametrize("name", ["storm", "streams", "windows"])
def test_the_scenarios_of_the_package_are_known_by_name(holdfast, name):
    assert holdfast("simulate", "--scenario", name, "--port", 0, "--seconds", 0).exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("[models.x]\nfault = 1", "fault"), ("no toml at all", ""), ("[models.x]\nlatency = 'a'", "latency")],
)
def test_a_scenario_that_cannot_be_read_is_told_in_a_sentence(holdfast, tmp_path, text, said):
    scenario = tmp_path / "bad.toml"
    scenario.write_text(text)
    done = holdfast("simulate", "--scenario", scenario, "--port", 0)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_port_that_is_taken_is_told_in_a_sentence(holdfast, simulated):
    port = simulated("[models.x]").url.rpartition(":")[2]
    done = holdfast("simulate", "--port", port)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
