"""The openai package: Chat Completions, Responses, completions, embeddings, models, errors."""

import json

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from checks import (
    DEMO, PIXEL, SYSTEM, THOUGHT, TOOL_PROMPT, WEATHER,
    arguments, check, contains, expect, main, once, raises, saw_picture,
)

args = arguments()
options = {"base_url": f"{args.url}/v1", "api_key": args.key, "max_retries": 0, "timeout": 60}
client = OpenAI(**options)

CHAT_TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER, "strict": True}}
]
RESPONSES_TOOLS = [
    {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}
]
PICTURE = f"data:image/png;base64,{PIXEL}"


class Weather(BaseModel):
    city: str
    temperature: int


def messages(text, **rest):
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text, **rest}]


@check
def chat(model):
    answer = client.chat.completions.create(model=model, messages=messages("hello"))
    contains("text", answer.choices[0].message.content, "You said: hello")
    expect("finish reason", answer.choices[0].finish_reason, "stop")
    expect("role", answer.choices[0].message.role, "assistant")
    expect("model", answer.model, model)
    expect("object", answer.object, "chat.completion")
    usage = answer.usage
    expect("total", usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0, usage
    if model != DEMO:
        expect("input", (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens), (12, 4))
        expect("output", usage.completion_tokens, 7)


@check
def chat_stream(model):
    stream = client.chat.completions.create(
        model=model, messages=messages("one two three"), stream=True,
        stream_options={"include_usage": True},
    )
    text, finish, usage, n_pieces = "", None, None, 0
    for chunk in stream:
        expect("model", chunk.model, model)
        usage = chunk.usage or usage
        for choice in chunk.choices:
            if choice.delta.content:
                text += choice.delta.content
                n_pieces += 1
            finish = choice.finish_reason or finish
    contains("text", text, "You said: one two three")
    assert n_pieces > 3, "the text came in one piece"
    expect("finish reason", finish, "stop")
    assert usage and usage.completion_tokens > 0, usage


@check
def chat_stream_without_usage(model):
    stream = client.chat.completions.create(model=model, messages=messages("hi"), stream=True)
    chunks = list(stream)
    assert all(chunk.choices for chunk in chunks), "an empty chunk nobody asked for"
    assert all(chunk.usage is None for chunk in chunks), "usage that nobody asked for"


@check
async def chat_async(model):
    async with AsyncOpenAI(**options) as other:
        answer = await other.chat.completions.create(model=model, messages=messages("hello"))
        contains("text", answer.choices[0].message.content, "You said: hello")
        stream = await other.chat.completions.create(
            model=model, messages=messages("again"), stream=True
        )
        text = ""
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
        contains("text", text, "You said: again")


@check
def chat_helper(model):
    with client.chat.completions.stream(model=model, messages=messages("hello there")) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds, kinds
    contains("text", answer.choices[0].message.content, "You said: hello there")


@check
def chat_tools(model):
    asked = messages(TOOL_PROMPT)
    first = client.chat.completions.create(model=model, messages=asked, tools=CHAT_TOOLS)
    expect("finish reason", first.choices[0].finish_reason, "tool_calls")
    message = first.choices[0].message
    (call,) = message.tool_calls
    expect("name", call.function.name, "get_weather")
    expect("arguments", json.loads(call.function.arguments), {"city": "Paris"})
    asked += [message, {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}]
    last = client.chat.completions.create(model=model, messages=asked, tools=CHAT_TOOLS)
    contains("text", last.choices[0].message.content, "The tool answered: 21 degrees")
    expect("finish reason", last.choices[0].finish_reason, "stop")


@check
def chat_tools_stream(model):
    asked = messages(TOOL_PROMPT)
    with client.chat.completions.stream(model=model, messages=asked, tools=CHAT_TOOLS) as stream:
        n_deltas = sum(
            event.type == "tool_calls.function.arguments.delta" for event in stream
        )
        first = stream.get_final_completion()
    assert n_deltas > 0, "no pieces of arguments"
    expect("finish reason", first.choices[0].finish_reason, "tool_calls")
    (call,) = first.choices[0].message.tool_calls
    expect("arguments", json.loads(call.function.arguments), {"city": "Paris"})
    asked += [
        {"role": "assistant", "tool_calls": [
            {"id": call.id, "type": "function",
             "function": {"name": call.function.name, "arguments": call.function.arguments}},
        ]},
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    with client.chat.completions.stream(model=model, messages=asked, tools=CHAT_TOOLS) as stream:
        stream.until_done()
        last = stream.get_final_completion()
    contains("text", last.choices[0].message.content, "The tool answered: 21 degrees")


@check
def chat_thinking(model):
    answer = client.chat.completions.create(
        model=model, messages=messages("/think why"), reasoning_effort="low"
    )
    message = answer.choices[0].message
    contains("thinking", message.model_extra.get("reasoning_content"), THOUGHT)
    contains("text", message.content, "why")
    thinking = ""
    for chunk in client.chat.completions.create(
        model=model, messages=messages("/think why"), reasoning_effort="low", stream=True
    ):
        thinking += (chunk.choices[0].delta.model_extra or {}).get("reasoning_content") or ""
    contains("thinking", thinking, THOUGHT)


@check
def chat_picture(model):
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    ]
    answer = client.chat.completions.create(model=model, messages=messages(content))
    saw_picture(model, answer.choices[0].message.content)


@check
def chat_structured(model):
    answer = client.chat.completions.parse(
        model=model, messages=messages("Paris"), response_format=Weather
    )
    expect("city", answer.choices[0].message.parsed.city, "Paris")
    answer = client.chat.completions.create(
        model=model, messages=messages("Paris as JSON"), response_format={"type": "json_object"}
    )
    json.loads(answer.choices[0].message.content)


@check
def responses(model):
    answer = client.responses.create(model=model, instructions=SYSTEM, input="hello")
    contains("text", answer.output_text, "You said: hello")
    expect("status", answer.status, "completed")
    expect("model", answer.model, model)
    expect("total", answer.usage.total_tokens,
           answer.usage.input_tokens + answer.usage.output_tokens)
    if model != DEMO:
        expect("input", answer.usage.input_tokens, 12)
        expect("cached", answer.usage.input_tokens_details.cached_tokens, 4)


@check
def responses_stream(model):
    text, numbers, kinds = "", [], []
    for event in client.responses.create(model=model, input="one two three", stream=True):
        kinds.append(event.type)
        numbers.append(event.sequence_number)
        if event.type == "response.output_text.delta":
            text += event.delta
    contains("text", text, "You said: one two three")
    expect("numbers", numbers, sorted(set(numbers)))
    expect("begin", kinds[0], "response.created")
    expect("end", kinds[-1], "response.completed")
    for kind in ("response.output_item.added", "response.content_part.added",
                 "response.output_text.done", "response.content_part.done",
                 "response.output_item.done"):
        expect(f"number of {kind}", kinds.count(kind), 1)


@check
def responses_helper(model):
    with client.responses.stream(model=model, input="hello there") as stream:
        for _ in stream:
            pass
        answer = stream.get_final_response()
    contains("text", answer.output_text, "You said: hello there")


def call_of(answer):
    (call,) = [item for item in answer.output if item.type == "function_call"]
    expect("name", call.name, "get_weather")
    expect("arguments", json.loads(call.arguments), {"city": "Paris"})
    return call


@check
def responses_tools(model):
    asked = [{"role": "user", "content": TOOL_PROMPT}]
    first = client.responses.create(
        model=model, input=asked, tools=RESPONSES_TOOLS, store=False,
        reasoning={"effort": "low", "summary": "auto"}, include=["reasoning.encrypted_content"],
    )
    asked += first.output
    asked.append({"type": "function_call_output", "call_id": call_of(first).call_id,
                  "output": "21 degrees"})
    last = client.responses.create(
        model=model, input=asked, tools=RESPONSES_TOOLS, store=False,
        reasoning={"effort": "low", "summary": "auto"}, include=["reasoning.encrypted_content"],
    )
    contains("text", last.output_text, "The tool answered: 21 degrees")
    # Chat Completions have no proof of thinking, and the demo model does not think here.
    if model not in (DEMO, "up-chat"):
        contains("text", last.output_text, "thinking came back")


@check
def responses_tools_stream(model):
    asked = [{"role": "user", "content": TOOL_PROMPT}]
    with client.responses.stream(model=model, input=asked, tools=RESPONSES_TOOLS) as stream:
        kinds = [event.type for event in stream]
        first = stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds, kinds
    assert "response.function_call_arguments.done" in kinds, kinds
    call_of(first)


@check
def responses_thinking(model):
    answer = client.responses.create(
        model=model, input="/think why", reasoning={"effort": "low", "summary": "auto"}
    )
    parts = [part for item in answer.output if item.type == "reasoning"
             for part in [*item.summary, *(item.content or [])]]
    contains("thinking", "".join(part.text for part in parts), THOUGHT)
    contains("text", answer.output_text, "why")
    said = ""
    with client.responses.stream(
        model=model, input="/think why", reasoning={"effort": "low", "summary": "auto"}
    ) as stream:
        for event in stream:
            if event.type in ("response.reasoning_summary_text.delta",
                              "response.reasoning_text.delta"):
                said += event.delta
    contains("thinking", said, THOUGHT)


@check
def responses_picture(model):
    content = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
    ]
    answer = client.responses.create(model=model, input=[{"role": "user", "content": content}])
    saw_picture(model, answer.output_text)


@check
def responses_structured(model):
    answer = client.responses.parse(model=model, input="Paris", text_format=Weather)
    expect("city", answer.output_parsed.city, "Paris")


@check
def completions(model):
    answer = client.completions.create(model=model, prompt="hello", max_tokens=100)
    contains("text", answer.choices[0].text, "You said: hello")
    expect("object", answer.object, "text_completion")
    text = "".join(
        chunk.choices[0].text
        for chunk in client.completions.create(model=model, prompt="one two", stream=True)
        if chunk.choices
    )
    contains("text", text, "You said: one two")


@once
def embeddings():
    for model in ("up-chat", "up-gemini"):
        answer = client.embeddings.create(model=model, input=["abc", "defgh"])
        expect(model, [item.embedding for item in answer.data],
               [[3.0, 0.5, -0.25], [5.0, 0.5, -0.25]])
        expect("indices", [item.index for item in answer.data], [0, 1])
        answer = client.embeddings.create(model=model, input="abc", encoding_format="float")
        expect(model, answer.data[0].embedding, [3.0, 0.5, -0.25])


@once
def models():
    listed = client.models.list().data
    assert set(args.models.split(",")) <= {model.id for model in listed}, listed
    assert all(model.object == "model" and model.owned_by for model in listed), listed
    expect("one", client.models.retrieve(DEMO).id, DEMO)
    error = raises(openai.NotFoundError, lambda: client.models.retrieve("nowhere"))
    contains("message", error.message, "nowhere")


@check
def errors(model):
    for status, kind in [
        (400, openai.BadRequestError), (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError), (404, openai.NotFoundError),
        (422, openai.UnprocessableEntityError), (429, openai.RateLimitError),
        (500, openai.InternalServerError), (503, openai.InternalServerError),
    ]:
        prompt = f"/error {status} told so"
        for call in (
            lambda: client.chat.completions.create(model=model, messages=messages(prompt)),
            lambda: client.chat.completions.create(
                model=model, messages=messages(prompt), stream=True),
            lambda: client.responses.create(model=model, input=prompt),
            lambda: client.responses.create(model=model, input=prompt, stream=True),
        ):
            error = raises(kind, call)
            expect("status", error.status_code, status)
            contains("message", error.message, "told so")
            assert error.type, f"no type in {error.body}"


@check
def broken_streams(model):
    chat = client.chat.completions.create(
        model=model, messages=messages("/break one two three"), stream=True)
    error = raises(openai.APIError, lambda: list(chat))
    contains("message", error.message, "as you asked" if model == DEMO else "as asked")
    # Here a broken answer is an event, and a typed one.
    events = client.responses.create(model=model, input="/break one two three", stream=True)
    try:
        last = list(events)[-1]
    except openai.APIError as error:
        contains("message", error.message, "asked")
    else:
        assert last.type in ("response.failed", "error"), last


@once
def wrong_key_and_model():
    stranger = client.with_options(api_key="wrong")
    error = raises(openai.AuthenticationError, lambda: stranger.models.list())
    contains("message", str(error), "Invalid API key")
    for call in (
        lambda: client.chat.completions.create(model="nowhere", messages=messages("hi")),
        lambda: client.responses.create(model="nowhere", input="hi"),
    ):
        try:
            answer = call()
        except openai.APIStatusError as error:
            contains("message", error.message, "unknown provider for model nowhere")
        else:
            raise AssertionError(answer)


main(args)
