"""Deepgram's own SDK, unmodified, against the fake Deepgram."""

import asyncio
import threading

from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.errors import BadRequestError
from deepgram.listen.v1.types import (
    ListenV1Configure,
    ListenV1ConfigureSuccess,
    ListenV1Metadata,
    ListenV1Results,
    ListenV1SpeechStarted,
    ListenV1UtteranceEnd,
)
from deepgram.speak.v1.types import SpeakV1Metadata, SpeakV1Text
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from harness import ADDRESSES, KEY, check, raises, run, spoken

ADDRESS = ADDRESSES["deepgram"]
ENVIRONMENT = DeepgramClientEnvironment(
    base=ADDRESS["http"], production=ADDRESS["ws"], agent=ADDRESS["ws"], agent_rest=ADDRESS["http"]
)
LISTEN = {"model": "nova-3", "encoding": "mulaw", "sample_rate": "8000"}
SPEAK = {"model": "aura-2-thalia-en", "encoding": "mulaw", "sample_rate": "8000"}
TEXT = "Book a tee time for two."
FRAME_BYTES = 160
SILENT_SECOND = b"\xff" * 8000

client = DeepgramClient(api_key=KEY, environment=ENVIRONMENT, max_retries=0)


def say(line, audio):
    """Sends audio as a carrier does, in frames of 20 ms."""
    for at in range(0, len(audio), FRAME_BYTES):
        line.send_media(audio[at : at + FRAME_BYTES])


def until(line, wanted):
    """The messages up to the first one that `wanted` likes, that one included."""
    messages = []
    while not messages or not wanted(messages[-1]):
        messages.append(declared(line.recv()))
    return messages


def rest(line):
    """All messages until the server closes the connection in order."""
    return [declared(message) for message in line]


def declared(message):
    """The message, which has to be exactly what the SDK declares."""
    if not isinstance(message, bytes):
        assert not message.model_extra, message
        type(message).model_validate(message.model_dump(), strict=True)
    return message


def transcript(messages):
    finals = [message for message in messages if isinstance(message, ListenV1Results) and message.is_final]
    return " ".join(filter(None, (final.channel.alternatives[0].transcript for final in finals)))


def answers(kind):
    """Whether a message of a voice is of this kind. The SDK has one class for `Flushed` and `Cleared`."""
    return lambda message: getattr(message, "type", None) == kind


def audio_of(messages):
    return b"".join(message for message in messages if isinstance(message, bytes))


@check
def marked_speech_is_transcribed_word_by_word_in_its_time():
    with client.listen.v1.connect(**LISTEN, interim_results="true") as line:
        speech = spoken(TEXT)
        say(line, speech)
        line.send_finalize()
        messages = until(line, lambda message: message.from_finalize)
    assert transcript(messages) == TEXT, messages
    interims = [message for message in messages if not message.is_final]
    assert any(message.channel.alternatives[0].transcript for message in interims), messages
    finals = [message for message in messages if message.is_final]
    words = [word for final in finals for word in final.channel.alternatives[0].words]
    assert [word.punctuated_word for word in words] == TEXT.split()
    assert [word.word for word in words] == "book a tee time for two".split()
    assert all(earlier.start < later.start for earlier, later in zip(words, words[1:]))
    assert abs(finals[-1].start + finals[-1].duration - len(speech) / 8000) < 0.002


@check
def endpointing_voice_activity_and_the_end_of_an_utterance_are_told():
    options = {"interim_results": "true", "endpointing": "300", "utterance_end_ms": "1000", "vad_events": "true"}
    with client.listen.v1.connect(**LISTEN, **options) as line:
        say(line, SILENT_SECOND + spoken(TEXT) + SILENT_SECOND * 2)
        messages = until(line, lambda message: isinstance(message, ListenV1UtteranceEnd))
    assert transcript(messages) == TEXT
    kinds = [type(message) for message in messages]
    started = messages[kinds.index(ListenV1SpeechStarted)]
    assert abs(started.timestamp - 1) < 0.1, started
    assert sum(1 for message in messages if isinstance(message, ListenV1Results) and message.speech_final) == 1
    assert 1 < messages[-1].last_word_end < 1 + len(spoken(TEXT)) / 8000 + 0.1


@check
def a_closed_stream_gives_the_rest_and_the_metadata_and_ends():
    with client.listen.v1.connect(**LISTEN, endpointing="false") as line:
        say(line, spoken(TEXT))
        line.send_close_stream()
        messages = rest(line)
    assert transcript(messages) == TEXT
    assert isinstance(messages[-1], ListenV1Metadata)
    assert abs(messages[-1].duration - len(spoken(TEXT)) / 8000) < 0.002
    assert messages[-1].request_id == messages[0].metadata.request_id


@check
def keeping_alive_is_not_answered_and_disturbs_nothing():
    with client.listen.v1.connect(**LISTEN, endpointing="false") as line:
        line.send_keep_alive()
        speech = spoken(TEXT)
        half = len(speech) // 2
        say(line, speech[:half])
        line.send_keep_alive()
        say(line, speech[half:])
        line.send_finalize()
        messages = until(line, lambda message: message.from_finalize)
        line.send_keep_alive()
        line.send_close_stream()
        messages += rest(line)
    assert transcript(messages) == TEXT
    assert {type(message) for message in messages} == {ListenV1Results, ListenV1Metadata}


@check
def every_finalize_flushes_what_came_since_the_last():
    with client.listen.v1.connect(**LISTEN, endpointing="false") as line:
        for text in ["Nine or ten.", "Ten please."]:
            say(line, spoken(text))
            line.send_finalize()
            assert transcript(until(line, lambda message: message.from_finalize)) == text


@check
def a_line_is_configured_while_it_is_open():
    with client.listen.v1.connect(**LISTEN) as line:
        line.send_configure(ListenV1Configure(type="Configure", keyterms=["back nine"]))
        answer = declared(line.recv())
        assert isinstance(answer, ListenV1ConfigureSuccess) and answer.keyterms == ["back nine"], answer


@check
def messages_come_as_events_too():
    messages, events = [], []
    with client.listen.v1.connect(**LISTEN, endpointing="false") as line:
        line.on(EventType.OPEN, lambda _: events.append("open"))
        line.on(EventType.MESSAGE, messages.append)
        line.on(EventType.ERROR, events.append)
        line.on(EventType.CLOSE, lambda _: events.append("close"))
        listening = threading.Thread(target=line.start_listening, daemon=True)
        listening.start()
        say(line, spoken(TEXT))
        line.send_close_stream()
        listening.join(timeout=20)
    assert events == ["open", "close"], events
    assert transcript(messages) == TEXT


@check
def the_asynchronous_client_listens_as_well():
    async def listen(text):
        asynchronous = AsyncDeepgramClient(api_key=KEY, environment=ENVIRONMENT)
        async with asynchronous.listen.v1.connect(**LISTEN, endpointing="false") as line:
            await line.send_media(spoken(text))
            await line.send_close_stream()
            return transcript([message async for message in line])

    async def listen_to_three():
        return await asyncio.gather(*(listen(f"call number {n}") for n in range(3)))

    assert asyncio.run(listen_to_three()) == [f"call number {n}" for n in range(3)]


@check
def a_wrong_key_is_the_sdks_error():
    wrong = AsyncDeepgramClient(api_key="wrong", environment=ENVIRONMENT, max_retries=0)

    async def open_socket(connect, options):
        async with connect(**options):
            pass

    async def generate():
        return [chunk async for chunk in wrong.speak.v1.audio.generate(text=TEXT)]

    listen = open_socket(wrong.listen.v1.connect, LISTEN)
    for attempt in [listen, open_socket(wrong.speak.v1.connect, SPEAK), generate()]:
        error = raises(ApiError, lambda: asyncio.run(attempt))
        assert error.status_code == 401, error
    assert error.body["err_code"] == "INVALID_AUTH", error
    assert error.headers["dg-error"] == "Invalid credentials."


@check
def what_refuses_a_socket_is_in_the_answer():
    wrong = DeepgramClient(api_key="wrong", environment=ENVIRONMENT)
    refused = {401: (wrong, {}), 400: (client, {"interim_results": "true", "utterance_end_ms": "500"})}
    for status, (sender, options) in refused.items():

        def listen():
            with sender.listen.v1.connect(**LISTEN, **options):
                pass

        # The synchronous client lets the library's error pass.
        response = raises(InvalidStatus, listen).response
        assert response.status_code == status
        assert response.headers["dg-error"] and response.headers["dg-request-id"]


@check
def a_token_lets_in_like_a_key():
    bearer = DeepgramClient(access_token=KEY, environment=ENVIRONMENT)
    with bearer.listen.v1.connect(**LISTEN) as line:
        line.send_close_stream()
        assert isinstance(rest(line)[-1], ListenV1Metadata)


@check
def a_flush_speaks_what_was_said_and_is_acknowledged():
    with client.speak.v1.connect(**SPEAK) as voice:
        first = declared(voice.recv())
        assert isinstance(first, SpeakV1Metadata) and first.model_name == SPEAK["model"]
        for number, text in enumerate(["Sure, at nine.", "Anything else?"]):
            voice.send_text(SpeakV1Text(type="Speak", text=text))
            voice.send_flush()
            messages = until(voice, answers("Flushed"))
            assert messages[-1].sequence_id == number
            assert len(messages) > 2, "in several messages"
            assert audio_of(messages) == spoken(text)
        voice.send_close()
        assert rest(voice) == []


@check
def cleared_speech_is_not_heard():
    with client.speak.v1.connect(**SPEAK) as voice:
        voice.send_text(SpeakV1Text(type="Speak", text="This is never heard."))
        voice.send_clear()
        messages = until(voice, answers("Cleared"))
        assert audio_of(messages) == b""
        voice.send_text(SpeakV1Text(type="Speak", text="But this."))
        voice.send_flush()
        messages = until(voice, answers("Flushed"))
        assert audio_of(messages) == spoken("But this.")


@check
def a_closed_voice_finishes_its_sentence():
    with client.speak.v1.connect(**SPEAK) as voice:
        voice.send_text(SpeakV1Text(type="Speak", text="Goodbye."))
        voice.send_close()
        assert audio_of(rest(voice)) == spoken("Goodbye.")
        raises(ConnectionClosedOK, voice.recv)


@check
def speech_comes_over_http_raw_and_as_a_file():
    options = {"encoding": "mulaw", "sample_rate": 8000, "model": SPEAK["model"]}
    generate = client.speak.v1.audio.generate
    assert b"".join(generate(text=TEXT, container="none", **options)) == spoken(TEXT)
    wav = b"".join(generate(text=TEXT, **options))
    assert wav[:4] == b"RIFF" and wav.endswith(spoken(TEXT))
    with client.speak.v1.audio.with_raw_response.generate(text=TEXT, container="none", **options) as response:
        assert response.headers["dg-model-name"] == SPEAK["model"]
        assert response.headers["dg-char-count"] == str(len(TEXT))
        assert response.headers["content-type"] == "audio/mulaw"


@check
def a_request_without_a_text_is_a_bad_request_error():
    def generate():
        list(client.speak.v1.audio.generate(text="", encoding="mulaw", sample_rate=8000))

    assert raises(BadRequestError, generate).status_code == 400


@check
def what_the_voice_says_the_recogniser_hears():
    with client.speak.v1.connect(**SPEAK) as voice:
        voice.send_text(SpeakV1Text(type="Speak", text="We have nine and ten."))
        voice.send_flush()
        speech = audio_of(until(voice, answers("Flushed")))
    with client.listen.v1.connect(**LISTEN, endpointing="false") as line:
        say(line, speech)
        line.send_finalize()
        assert transcript(until(line, lambda message: message.from_finalize)) == "We have nine and ten."


if __name__ == "__main__":
    run()
