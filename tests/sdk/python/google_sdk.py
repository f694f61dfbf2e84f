"""The google-genai package: generateContent, chats, tools, thinking, counting, models, errors."""

import base64

from google import genai
from google.genai import errors as faults
from google.genai import types
from pydantic import BaseModel

from checks import (
    DEMO, PIXEL, SYSTEM, THOUGHT, TOOL_PROMPT,
    arguments, check, contains, expect, main, once, saw_picture,
)

args = arguments()


def connect(key, version):
    return genai.Client(
        api_key=key,
        http_options=types.HttpOptions(
            base_url=args.url, api_version=version, timeout=60_000,
            retry_options=types.HttpRetryOptions(attempts=1),
        ),
    )


# The package's own default is `v1` since version 3.
clients = {"v1": connect(args.key, "v1"), "v1beta": connect(args.key, "v1beta")}
client = clients["v1beta"]

DECLARED = types.Tool(function_declarations=[types.FunctionDeclaration(
    name="get_weather", description="Looks outside",
    parameters=types.Schema(type="OBJECT", required=["city"],
                            properties={"city": types.Schema(type="STRING")}),
)])
THINKING = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)


class Weather(BaseModel):
    city: str
    temperature: int


def config(**rest):
    return types.GenerateContentConfig(system_instruction=SYSTEM, **rest)


def thoughts(answer):
    parts = answer.candidates[0].content.parts or []
    return "".join(part.text for part in parts if part.thought and part.text)


def spoken(answer):
    """The text without what the package warns about."""
    parts = (answer.candidates[0].content.parts or []) if answer.candidates else []
    return "".join(part.text for part in parts if part.text and not part.thought)


@check
def generate(model):
    for version, either in clients.items():
        answer = either.models.generate_content(model=model, contents="hello", config=config())
        contains(version, answer.text, "You said: hello")
        expect("finish", answer.candidates[0].finish_reason, types.FinishReason.STOP)
        expect("role", answer.candidates[0].content.role, "model")
        expect("model", answer.model_version, model)
        usage = answer.usage_metadata
        assert usage.prompt_token_count > 0 and usage.total_token_count > 0, usage
        if model != DEMO:
            expect("input", (usage.prompt_token_count, usage.cached_content_token_count), (12, 4))


@check
def generate_stream(model):
    for version, either in clients.items():
        chunks = list(either.models.generate_content_stream(
            model=model, contents="one two three", config=config()))
        contains(version, "".join(map(spoken, chunks)), "You said: one two three")
        assert len(chunks) > 3, "the text came in one piece"
        expect("finish", chunks[-1].candidates[0].finish_reason, types.FinishReason.STOP)
        assert chunks[-1].usage_metadata.total_token_count > 0, chunks[-1]


@check
async def generate_async(model):
    answer = await client.aio.models.generate_content(model=model, contents="hello")
    contains("text", answer.text, "You said: hello")
    text = ""
    async for chunk in await client.aio.models.generate_content_stream(
        model=model, contents="again"
    ):
        text += spoken(chunk)
    contains("text", text, "You said: again")


@check
def chats(model):
    chat = client.chats.create(model=model, config=config())
    contains("text", chat.send_message("first").text, "You said: first")
    contains("text", chat.send_message("second").text, "You said: second")
    text = "".join(map(spoken, chat.send_message_stream("third one")))
    contains("text", text, "You said: third one")
    roles = [content.role for content in chat.get_history()]
    expect("turns", roles[:4], ["user", "model", "user", "model"])


def call_of(content):
    (call,) = [part.function_call for part in content.parts if part.function_call]
    expect("call", (call.name, call.args), ("get_weather", {"city": "Paris"}))
    return call


@check
def tools(model):
    asked = [types.UserContent(TOOL_PROMPT)]
    settings = config(tools=[DECLARED])
    first = client.models.generate_content(model=model, contents=asked, config=settings)
    content = first.candidates[0].content
    call = call_of(content)
    asked += [content, types.Content(role="user", parts=[types.Part(
        function_response=types.FunctionResponse(
            id=call.id, name=call.name, response={"result": "21 degrees"}))])]
    last = client.models.generate_content(model=model, contents=asked, config=settings)
    contains("text", last.text, "The tool answered:")
    contains("text", last.text, "21 degrees")


@check
def tools_stream(model):
    chunks = client.models.generate_content_stream(
        model=model, contents=TOOL_PROMPT, config=config(tools=[DECLARED]))
    parts = [part for chunk in chunks for candidate in chunk.candidates or []
             for part in (candidate.content and candidate.content.parts) or []]
    call_of(types.Content(role="model", parts=parts))


@check
def automatic_calling(model):
    places = []

    def get_weather(city: str) -> str:
        """Looks outside."""
        places.append(city)
        return f"21 degrees in {city}"

    chat = client.chats.create(model=model, config=config(
        tools=[get_weather], thinking_config=None if model == DEMO else THINKING))
    answer = chat.send_message(TOOL_PROMPT)
    expect("places", places, ["Paris"])
    contains("text", answer.text, "21 degrees in Paris")
    # Chat Completions have no proof of thinking, and the demo model does not think here.
    if model not in (DEMO, "up-chat"):
        contains("text", answer.text, "thinking came back")


@check
def thinking(model):
    settings = config(thinking_config=THINKING)
    answer = client.models.generate_content(model=model, contents="/think why", config=settings)
    contains("thinking", thoughts(answer), THOUGHT)
    contains("text", spoken(answer), "why")
    chunks = list(client.models.generate_content_stream(
        model=model, contents="/think why", config=settings))
    contains("thinking", "".join(map(thoughts, (c for c in chunks if c.candidates))), THOUGHT)


@check
def picture(model):
    part = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    answer = client.models.generate_content(model=model, contents=[part, "What is it?"])
    saw_picture(model, answer.text)


@check
def structured(model):
    for schema in ({"response_schema": Weather},
                   {"response_json_schema": Weather.model_json_schema()}):
        answer = client.models.generate_content(model=model, contents="Paris", config=config(
            response_mime_type="application/json", **schema))
        expect("city", Weather.model_validate_json(answer.text).city, "Paris")


@check
def counting(model):
    counted = client.models.count_tokens(
        model=model, contents="How many tokens is this, please?").total_tokens
    if model in ("up-anthropic", "up-gemini"):
        expect("counted upstream", counted, 21)
    else:
        assert 3 < counted < 500, counted


@once
def models():
    for version, either in clients.items():
        names = {model.name for model in either.models.list()}
        wanted = {f"models/{model}" for model in args.models.split(",")}
        assert wanted <= names, f"{version}: {names}"
        one = either.models.get(model=DEMO)
        expect("one", one.name, f"models/{DEMO}")
        contains("actions", one.supported_actions, "generateContent")


@check
def errors(model):
    for status, kind in [(400, faults.ClientError), (401, faults.ClientError),
                         (403, faults.ClientError), (404, faults.ClientError),
                         (429, faults.ClientError), (500, faults.ServerError),
                         (503, faults.ServerError)]:
        prompt = f"/error {status} told so"
        for call in (
            lambda: client.models.generate_content(model=model, contents=prompt),
            lambda: list(client.models.generate_content_stream(model=model, contents=prompt)),
        ):
            error = fault(kind, call)
            expect("status", error.code, status)
            contains("message", error.message, "told so")
            assert error.status, error.details


def fault(kind, call):
    try:
        answer = call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}, but {answer!r}")


@check
def broken_streams(model):
    error = fault(faults.APIError, lambda: list(
        client.models.generate_content_stream(model=model, contents="/break one two three")))
    contains("message", str(error), "as you asked" if model == DEMO else "as asked")


@once
def wrong_key_and_model():
    stranger = connect("wrong", "v1beta")
    error = fault(faults.ClientError,
                  lambda: stranger.models.generate_content(model=DEMO, contents="hi"))
    expect("status", error.code, 401)
    error = fault(faults.APIError,
                  lambda: client.models.generate_content(model="nowhere", contents="hi"))
    contains("message", error.message, "unknown provider for model nowhere")


main(args)
