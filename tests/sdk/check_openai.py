"""OpenAI's own SDK, unmodified, against the fake server of chat completions."""

import asyncio
import json
import os

import httpx2
import openai
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from harness import ADDRESSES, KEY, MODEL, check, raises, run

CASES = os.path.join(os.path.dirname(__file__), "../../pipeline/fixtures/llm/chat_completions.json")

TOOL = {
    "type": "function",
    "function": {
        "name": "bookTeeTime",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"time": {"type": "string"}, "players": {"type": "integer"}},
            "required": ["time", "players"],
            "additionalProperties": False,
        },
    },
}

client = OpenAI(base_url=ADDRESSES["chat"], api_key=KEY, max_retries=0, timeout=10)


def user(text):
    return [{"role": "user", "content": text}]


def ask(text, **options):
    return client.chat.completions.create(model=MODEL, messages=user(text), **options)


@check
def text_arrives_word_by_word_and_usage_at_the_end():
    chunks = list(ask("nine or ten", stream=True, stream_options={"include_usage": True}))
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert words == ["You ", "said: ", "nine ", "or ", "ten"], words
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 8
    assert all(chunk.usage is None for chunk in chunks[:-1])


@check
def every_chunk_is_exactly_what_the_sdk_declares():
    for text in ["nine or ten", '/call bookTeeTime {"time":"08:10"}']:
        create = client.chat.completions.with_streaming_response.create
        options = {"stream": True, "stream_options": {"include_usage": True}}
        with create(model=MODEL, messages=user(text), **options) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            data = [line.removeprefix("data: ") for line in response.iter_lines() if line]
        assert data.pop() == "[DONE]"
        assert len(data) > 5
        for line in data:
            chunk = ChatCompletionChunk.model_validate_json(line, strict=True)
            assert set(chunk.model_extra) <= {"obfuscation"}, chunk.model_extra
            for choice in chunk.choices:
                assert not choice.model_extra and not choice.delta.model_extra, choice
                for call in choice.delta.tool_calls or []:
                    assert not call.model_extra and not call.function.model_extra, call


@check
def the_document_is_exactly_what_the_sdk_declares():
    for text in ["nine or ten", '/call bookTeeTime {"time":"08:10"}']:
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=user(text))
        document = ChatCompletion.model_validate_json(raw.text, strict=True)
        assert not document.model_extra and not document.choices[0].model_extra, document
        assert not document.choices[0].message.model_extra, document
        assert raw.request_id.startswith("req_")


@check
def without_streaming_text_and_usage_are_in_the_document():
    completion = ask("nine or ten")
    assert completion.choices[0].message.content == "You said: nine or ten"
    assert completion.choices[0].finish_reason == "stop"
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (3, 5)
    assert completion.model == MODEL


@check
def an_answer_longer_than_the_limit_is_cut():
    choice = ask("nine or ten", max_completion_tokens=3).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("You said: nine ", "length")


@check
def the_sdk_assembles_streamed_tool_calls_and_hands_back_their_results():
    arguments = {"time": "08:10", "players": 2}
    messages = user("/call bookTeeTime " + json.dumps(arguments))
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=[TOOL]) as stream:
        kinds = [event.type for event in stream]
        completion = stream.get_final_completion()
    assert kinds.count("tool_calls.function.arguments.delta") > 3, kinds
    assert kinds.count("tool_calls.function.arguments.done") == 1
    choice = completion.choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert call.function.name == "bookTeeTime"
    assert call.function.parsed_arguments == arguments
    messages.append(choice.message.to_dict(exclude_unset=True))
    del messages[-1]["tool_calls"][0]["function"]["parsed_arguments"]
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "Booked as GV1."})
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=[TOOL]) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Booked as GV1."


@check
def without_streaming_tool_calls_are_in_the_document():
    choice = ask('/call bookTeeTime {"time":"08:10"}', tools=[TOOL]).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    function = choice.message.tool_calls[0].function
    assert (function.name, function.arguments) == ("bookTeeTime", '{"time":"08:10"}')


@check
def recorded_answers_of_the_real_server_mean_to_the_sdk_what_they_mean_to_us():
    with open(CASES, encoding="utf-8") as file:
        cases = [case for case in json.load(file)["cases"] if case["id"].startswith("openai-")]
    assert len(cases) == 4
    for case in cases:
        model = "case:" + case["id"]
        with client.chat.completions.stream(model=model, messages=user("?")) as stream:
            choice = stream.get_final_completion().choices[0]
        expect = case["expect"]
        assert (choice.message.content or "") == expect["text"], case["id"]
        assert choice.finish_reason == expect["end"], case["id"]
        calls = [
            {"id": call.id, "name": call.function.name, "arguments": json.loads(call.function.arguments)}
            for call in choice.message.tool_calls or []
        ]
        assert calls == expect["tool_calls"], case["id"]


@check
def models_are_listed_and_looked_up():
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).object == "model"
    error = raises(openai.NotFoundError, lambda: client.models.retrieve("huge"))
    assert error.code == "model_not_found"


@check
def a_model_that_is_not_there_is_not_found():
    create = client.chat.completions.create
    error = raises(openai.NotFoundError, lambda: create(model="huge", messages=user("?")))
    assert (error.code, error.type) == ("model_not_found", "invalid_request_error")


@check
def a_wrong_key_is_an_authentication_error():
    wrong = client.with_options(api_key="sk-wrong")
    error = raises(openai.AuthenticationError, lambda: wrong.chat.completions.create(model=MODEL, messages=user("?")))
    assert (error.status_code, error.code) == (401, "invalid_api_key")
    raises(openai.AuthenticationError, lambda: list(wrong.models.list()))


@check
def too_many_requests_are_a_rate_limit_error():
    error = raises(openai.RateLimitError, lambda: ask("/status 429"))
    assert (error.status_code, error.code, error.type) == (429, "rate_limit_exceeded", "requests")
    assert error.response.headers["retry-after-ms"] == "10"
    streamed = raises(openai.RateLimitError, lambda: ask("/status 429", stream=True))
    assert streamed.code == "rate_limit_exceeded"


@check
def the_sdk_tries_again_as_the_headers_advise():
    def number(error):
        return int(error.request_id.removeprefix("req_"))

    first = number(raises(openai.RateLimitError, lambda: ask("/status 429")))
    patient = client.with_options(max_retries=2)
    create = patient.chat.completions.create
    last = number(raises(openai.RateLimitError, lambda: create(model=MODEL, messages=user("/status 429"))))
    assert last - first == 3, "asked three times"


@check
def no_credit_is_told_from_too_many_requests():
    create = client.chat.completions.create
    error = raises(openai.RateLimitError, lambda: create(model="case:http-429-quota", messages=user("?")))
    assert error.code == "insufficient_quota"


@check
def wrong_requests_are_bad_request_errors_that_name_the_parameter():
    def refused(messages, **options):
        create = client.chat.completions.create
        return raises(openai.BadRequestError, lambda: create(model=MODEL, messages=messages, **options))

    assert refused([{"role": "robot", "content": "?"}]).param == "messages[0].role"
    call = {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    unanswered = [{"role": "assistant", "content": None, "tool_calls": [call]}, *user("?")]
    assert "call_a" in refused(unanswered).message
    nameless = {"type": "function", "function": {"name": "book it"}}
    assert refused(user("?"), tools=[nameless]).param == "tools[0].function.name"


@check
def a_failing_server_is_an_internal_server_error():
    error = raises(openai.InternalServerError, lambda: ask("/status 503"))
    assert error.status_code == 503


@check
def a_stream_that_breaks_off_is_an_error_behind_the_words():
    words = []

    def listen():
        for chunk in ask("/break 2 one two three", stream=True):
            words.append(chunk.choices[0].delta.content)

    raises((openai.APIConnectionError, httpx2.RemoteProtocolError), listen)
    assert words == ["", "one ", "two "], words


@check
def a_stream_that_hangs_runs_out_of_time_behind_the_words():
    words = []

    def listen():
        for chunk in ask("/hang 2 one two three", stream=True, timeout=1):
            words.append(chunk.choices[0].delta.content)

    raises((openai.APITimeoutError, httpx2.ReadTimeout), listen)
    assert words == ["", "one ", "two "], words


@check
def an_answer_that_comes_too_late_is_a_timeout_error():
    raises(openai.APITimeoutError, lambda: ask("/wait 2000 late", timeout=0.3))


@check
def an_error_in_the_middle_of_a_stream_is_an_api_error():
    words = []

    def listen():
        for chunk in client.chat.completions.create(model="case:error-object-only", messages=user("?"), stream=True):
            words.append(chunk.choices[0].delta.content)

    error = raises(openai.APIError, listen)
    assert (words, error.type) == (["Well"], "server_error")


@check
def a_stream_may_be_given_up_and_the_server_goes_on():
    stream = ask("/hang 1 one two", stream=True)
    assert next(stream).choices[0].delta.role == "assistant"
    stream.close()
    assert ask("still there?").choices[0].message.content == "You said: still there?"


@check
def the_asynchronous_client_streams_as_well():
    async def listen():
        async with AsyncOpenAI(base_url=ADDRESSES["chat"], api_key=KEY, max_retries=0, timeout=10) as asynchronous:
            create = asynchronous.chat.completions.create
            answers = await asyncio.gather(*(create(model=MODEL, messages=user(f"call {n}"), stream=True) for n in range(5)))
            return ["".join([chunk.choices[0].delta.content or "" async for chunk in answer]) for answer in answers]

    assert asyncio.run(listen()) == [f"You said: call {n}" for n in range(5)]


if __name__ == "__main__":
    run()
