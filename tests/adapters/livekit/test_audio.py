"""A session with a voice and a loudspeaker, both false: what is synthesized, when, and what an interruption leaves."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("livekit.agents")

from livekit.agents import Agent, tts
from livekit.agents.voice.audio_recognition import (
    _compute_end_of_turn_metrics,
    _EndOfTurnInfo,
    _PreemptiveGenerationInfo,
)
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from holdfast import Client
from holdfast.adapters.livekit import HoldfastLLM, HoldfastVoice
from holdfast.adapters.livekit.filler import Silence
from holdfast.errors import StreamInterruptedError
from holdfast.testing import FakeClock, Pause, ScriptedModel

RATE = 16_000


class Speaker(tts.TTS):
    """Synthesizes a tenth of a second of silence for every sentence, and remembers the sentences."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)
        self.spoken: list[tuple[float, str]] = []
        self._clock = clock

    def synthesize(self, text, *, conn_options=None):
        self.spoken.append((self._clock.now(), text.strip()))
        return Sound(tts=self, input_text=text, conn_options=conn_options)


class Sound(tts.ChunkedStream):
    async def _run(self, output_emitter) -> None:
        output_emitter.initialize(request_id="r", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(b"\0\0" * (RATE // 10))
        output_emitter.flush()


class Loudspeaker(AudioOutput):
    """Plays everything in no time."""

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", capabilities=AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._played = 0.0

    async def capture_frame(self, frame) -> None:
        await super().capture_frame(frame)
        if not self._played:
            self.on_playback_started(created_at=0.0)
        self._played += frame.duration

    def flush(self) -> None:
        super().flush()
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        if self._played:
            played, self._played = self._played, 0.0
            self.on_playback_finished(playback_position=played, interrupted=interrupted)


class Receptionist(HoldfastVoice):
    filler = "One moment, I am still with you. "
    filler_after = 1.5


async def turn(call_up, *scripts, **options):
    clock = FakeClock(autojump=True, threshold=0.01)
    models = [ScriptedModel(script, name=name, clock=clock) for script, name in zip(scripts, "ab", strict=False)]
    ours = HoldfastLLM(Client(*models, clock=clock, random=lambda: 0.0), **{"first_token": 9, **options})
    agent = Receptionist(instructions="Be kind.")
    agent.clock = clock
    speaker = Speaker(clock)
    async with call_up(ours, agent, tts=speaker) as line:
        line.session.output.audio = Loudspeaker()
        stored = await line.say("hello")
    return speaker.spoken, stored


async def test_the_filler_is_spoken_while_the_caller_waits_and_before_the_answer(call_up):
    spoken, stored = await turn(call_up, [Pause(5), "Here I am, with the answer. "])
    assert spoken == [(1.5, "One moment, I am still with you."), (5, "Here I am, with the answer.")]
    assert stored.strip() == "Here I am, with the answer."


async def test_a_stream_that_breaks_after_its_first_sentence_is_spoken_with_each_word_once(call_up):
    sentences = ["The kelp holds the rock in every storm. ", "A lantern crosses the narrow bay at night. "]
    spoken, stored = await turn(call_up, [sentences[0], "A lantern cro", Pause()], "".join(sentences), stall=1)
    assert " ".join(text for _, text in spoken).split() == "".join(sentences).split()
    assert stored.split() == "".join(sentences).split()


async def test_a_sentence_of_a_policy_is_spoken_at_once(call_up):
    spoken, _ = await turn(call_up, StreamInterruptedError("cut"), on_llm_error=lambda *_: "Sorry, what was that?")
    assert spoken == [(0, "Sorry, what was that?")]


async def test_an_interrupted_turn_lets_go_of_the_model_and_tells_no_error(call_up):
    clock = FakeClock()
    model = ScriptedModel(["The kelp holds the rock. ", Pause()], name="a", clock=clock)
    ours = HoldfastLLM(Client(model, clock=clock))
    async with call_up(ours, Agent(instructions="Be kind.")) as line:
        speech = line.session.generate_reply(user_input="hello")
        await clock.settle()
        assert model.active == 1
        began = asyncio.get_running_loop().time()
        await speech.interrupt()
        assert asyncio.get_running_loop().time() - began < 0.05
        assert model.active == 0
        assert line.errors == []
        assert [report.cancelled for report in line.reports] == [True]
        assert ours.client.model.health.resting(["a"], clock.now()) == {}


async def test_nobody_waits_while_the_agent_only_speculates(call_up):
    clock = FakeClock()
    async with call_up(HoldfastLLM(ScriptedModel())) as line:
        with Silence(line.session, 1.5, clock) as silence:
            await clock.advance(60)
            assert not silence.over.is_set()
            line.session._update_agent_state("thinking")
            await clock.advance(1.4)
            assert not silence.over.is_set()
            await clock.advance(0.2)
            assert silence.over.is_set()
        assert clock.pending == 0


async def test_of_speculative_calls_only_the_adopted_one_is_heard_and_none_is_a_failure(call_up):
    clock = FakeClock()
    model = ScriptedModel([Pause()], [Pause()], [Pause(3), "It holds the rock."], name="a", clock=clock)
    ours = HoldfastLLM(Client(model, clock=clock), apology="Sorry.")
    agent = Receptionist(instructions="Be kind.")
    agent.clock = clock
    spoken = Speaker(clock)
    async with call_up(ours, agent, tts=spoken) as line:
        line.session.output.audio = Loudspeaker()
        activity = line.session._activity
        for heard in ("what", "what is", "what is a holdfast"):
            activity.on_preemptive_generation(
                _PreemptiveGenerationInfo(new_transcript=heard, transcript_confidence=1.0, started_speaking_at=None)
            )
            await clock.advance(1)
        # It has been silent for a second, but only now does somebody wait for it.
        no_times = _compute_end_of_turn_metrics(
            speech_start_time=None, last_speaking_time=None, last_final_transcript_time=None, now=0.0
        )
        activity.on_end_of_turn(
            _EndOfTurnInfo(
                skip_reply=False, new_transcript="what is a holdfast", transcript_confidence=1.0, metrics=no_times
            )
        )
        await clock.advance(1)
        assert spoken.spoken == []
        await clock.advance(2)
        assert line.session.current_speech is None
        assert [text for _, text in spoken.spoken] == ["One moment, I am still with you.", "It holds the rock."]
        assert [report.cancelled for report in line.reports] == [True, True, False]
        assert (line.errors, len(line.metrics), model.abandoned) == ([], 1, 2)
        assert [len(request.messages) for request in model.requests] == [2, 2, 2]
