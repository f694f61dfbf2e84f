"""The anthropic package: Messages, tools, thinking, counting, models, errors."""

import anthropic
from anthropic import Anthropic, AsyncAnthropic, beta_tool
from pydantic import BaseModel

from checks import (
    DEMO, PIXEL, SYSTEM, THOUGHT, TOOL_PROMPT, WEATHER,
    arguments, check, contains, expect, main, once, raises, saw_picture,
)

args = arguments()
options = {"base_url": args.url, "api_key": args.key, "max_retries": 0, "timeout": 60}
client = Anthropic(**options)

TOOLS = [{"name": "get_weather", "description": "Looks outside", "input_schema": WEATHER}]
THINKING = {"type": "enabled", "budget_tokens": 1024}


class Weather(BaseModel):
    city: str
    temperature: int


def ask(model, content, **rest):
    return {"model": model, "max_tokens": 2048, "system": SYSTEM,
            "messages": [{"role": "user", "content": content}], **rest}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


@check
def messages(model):
    answer = client.messages.create(**ask(model, "hello"))
    contains("text", text_of(answer), "You said: hello")
    expect("stop reason", answer.stop_reason, "end_turn")
    expect("model", answer.model, model)
    expect("type and role", (answer.type, answer.role), ("message", "assistant"))
    assert answer.usage.output_tokens > 0, answer.usage
    if model != DEMO:
        usage = answer.usage
        expect("input", (usage.input_tokens, usage.cache_read_input_tokens), (8, 4))


@check
def messages_stream(model):
    with client.messages.stream(**ask(model, "one two three")) as stream:
        text = "".join(stream.text_stream)
        answer = stream.get_final_message()
    contains("text", text, "You said: one two three")
    expect("folded", text_of(answer), text)
    expect("stop reason", answer.stop_reason, "end_turn")
    assert answer.usage.output_tokens > 0, answer.usage


@check
def messages_events(model):
    kinds = [event.type for event in client.messages.create(**ask(model, "a b c"), stream=True)]
    expect("begin", kinds[0], "message_start")
    expect("end", kinds[-2:], ["message_delta", "message_stop"])
    expect("blocks", (kinds.count("content_block_start"), kinds.count("content_block_stop")), (1, 1))
    assert kinds.count("content_block_delta") > 3, kinds


@check
async def messages_async(model):
    async with AsyncAnthropic(**options) as other:
        answer = await other.messages.create(**ask(model, "hello"))
        contains("text", text_of(answer), "You said: hello")
        async with other.messages.stream(**ask(model, "again")) as stream:
            text = "".join([piece async for piece in stream.text_stream])
        contains("text", text, "You said: again")


def call_of(answer):
    expect("stop reason", answer.stop_reason, "tool_use")
    (call,) = [block for block in answer.content if block.type == "tool_use"]
    expect("call", (call.name, call.input), ("get_weather", {"city": "Paris"}))
    return call


def result(model, first, **rest):
    request = ask(model, TOOL_PROMPT, tools=TOOLS, **rest)
    request["messages"] += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call_of(first).id, "content": "21 degrees"}]},
    ]
    return request


@check
def tools(model):
    first = client.messages.create(**ask(model, TOOL_PROMPT, tools=TOOLS))
    last = client.messages.create(**result(model, first))
    contains("text", text_of(last), "The tool answered: 21 degrees")
    expect("stop reason", last.stop_reason, "end_turn")


@check
def tools_stream(model):
    with client.messages.stream(**ask(model, TOOL_PROMPT, tools=TOOLS)) as stream:
        kinds = {event.type for event in stream}
        first = stream.get_final_message()
    assert "input_json" in kinds, kinds
    with client.messages.stream(**result(model, first)) as stream:
        last = stream.get_final_message()
    contains("text", text_of(last), "The tool answered: 21 degrees")


@check
def tools_with_thinking(model):
    first = client.messages.create(**ask(model, TOOL_PROMPT, tools=TOOLS, thinking=THINKING))
    if model != DEMO:
        expect("first block", first.content[0].type, "thinking")
        contains("thinking", first.content[0].thinking, THOUGHT)
        proofs = [block.signature for block in first.content if block.type == "thinking"]
        assert model == "up-chat" or any(proofs), "no signature"
    last = client.messages.create(**result(model, first, thinking=THINKING))
    contains("text", text_of(last), "The tool answered: 21 degrees")
    # Chat Completions have no proof of thinking, and the demo model does not think here.
    if model not in (DEMO, "up-chat"):
        contains("text", text_of(last), "thinking came back")


@check
def tool_runner(model):
    @beta_tool
    def get_weather(city: str) -> str:
        """Looks outside.

        Args:
            city: Name of the city
        """
        return f"21 degrees in {city}"

    request = ask(model, TOOL_PROMPT)
    answer = client.beta.messages.tool_runner(**request, tools=[get_weather]).until_done()
    contains("text", text_of(answer), "The tool answered: 21 degrees in Paris")


@check
def thinking(model):
    answer = client.messages.create(**ask(model, "/think why", thinking=THINKING))
    expect("first block", answer.content[0].type, "thinking")
    contains("thinking", answer.content[0].thinking, THOUGHT)
    contains("text", text_of(answer), "why")
    with client.messages.stream(**ask(model, "/think why", thinking=THINKING)) as stream:
        said = "".join(event.thinking for event in stream if event.type == "thinking")
        answer = stream.get_final_message()
    contains("thinking", said, THOUGHT)
    expect("first blocks", [block.type for block in answer.content][:2], ["thinking", "text"])


@check
def picture(model):
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "text", "text": "What is it?"},
    ]
    saw_picture(model, text_of(client.messages.create(**ask(model, content))))


@check
def structured(model):
    answer = client.messages.parse(**ask(model, "Paris"), output_format=Weather)
    expect("city", answer.parsed_output.city, "Paris")


@check
def counting(model):
    request = ask(model, "How many tokens is this?", tools=TOOLS)
    del request["max_tokens"]
    counted = client.messages.count_tokens(**request).input_tokens
    if model in ("up-anthropic", "up-gemini"):
        expect("counted upstream", counted, 21)
    else:
        assert 10 < counted < 500, counted


@once
def models():
    listed = list(client.models.list(limit=1000))
    assert set(args.models.split(",")) <= {model.id for model in listed}, listed
    for model in listed:
        expect("type", model.type, "model")
        assert model.display_name and model.created_at, model
    expect("one", client.models.retrieve(DEMO).id, DEMO)
    raises(anthropic.NotFoundError, lambda: client.models.retrieve("nowhere"))


@check
def errors(model):
    for status, kind in [
        (400, anthropic.BadRequestError), (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError), (404, anthropic.NotFoundError),
        (422, anthropic.UnprocessableEntityError), (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError), (503, anthropic.InternalServerError),
    ]:
        prompt = f"/error {status} told so"
        for call in (
            lambda: client.messages.create(**ask(model, prompt)),
            lambda: client.messages.create(**ask(model, prompt), stream=True),
        ):
            # What Google calls unavailable, Anthropic calls overloaded.
            wanted = 529 if (status, model) == (503, "up-gemini") else status
            error = raises_status(kind, wanted, call)
            contains("message", error.message, "told so")
            expect("shape", error.body["type"], "error")
            assert error.body["error"]["type"], error.body


def raises_status(kind, status, call):
    """Some statuses have a class of their own below the general one."""
    try:
        answer = call()
    except kind as error:
        expect("status", error.status_code, status)
        return error
    raise AssertionError(f"no {kind.__name__}, but {answer!r}")


@check
def broken_streams(model):
    events = client.messages.create(**ask(model, "/break one two three"), stream=True)
    try:
        list(events)
    except anthropic.APIStatusError as error:
        contains("message", str(error), "as you asked" if model == DEMO else "as asked")
    else:
        raise AssertionError("the stream ended without an error")


@once
def wrong_key_and_model():
    stranger = client.with_options(api_key="wrong")
    error = raises(anthropic.AuthenticationError, lambda: stranger.models.list())
    contains("message", str(error), "Invalid API key")
    for stream in (False, True):
        try:
            answer = client.messages.create(**ask("nowhere", "hi"), stream=stream)
        except anthropic.APIStatusError as error:
            contains("message", str(error), "unknown provider for model nowhere")
            expect("shape", error.body["type"], "error")
        else:
            raise AssertionError(answer)


main(args)
