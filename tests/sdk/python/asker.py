"""Asks through the official SDKs what tests/it/support/asker.rs wants to know.

A JSON line in: url, key, wire (chat, responses, anthropic, gemini), model, stream.
A JSON line out: text and its pieces, or status, kind and retry_after of an error.
"""

import functools
import json
import sys

import anthropic
import openai
from google import genai
from google.genai import errors, types


@functools.cache
def connect(kind, url, key):
    if kind == "gemini":
        return genai.Client(api_key=key, http_options=types.HttpOptions(
            base_url=url, timeout=60_000, retry_options=types.HttpRetryOptions(attempts=1)))
    options = {"api_key": key, "max_retries": 0, "timeout": 60}
    if kind == "anthropic":
        return anthropic.Anthropic(base_url=url, **options)
    return openai.OpenAI(base_url=f"{url}/v1", **options)


def chat(client, model, stream):
    asked = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    if not stream:
        return [client.chat.completions.create(**asked).choices[0].message.content]
    chunks = client.chat.completions.create(**asked, stream=True)
    return [choice.delta.content for chunk in chunks for choice in chunk.choices]


def responses(client, model, stream):
    if not stream:
        return [client.responses.create(model=model, input="hello").output_text]
    events = client.responses.create(model=model, input="hello", stream=True)
    return [event.delta for event in events if event.type == "response.output_text.delta"]


def messages(client, model, stream):
    asked = {"model": model, "max_tokens": 100,
             "messages": [{"role": "user", "content": "hello"}]}
    if not stream:
        content = client.messages.create(**asked).content
        return [block.text for block in content if block.type == "text"]
    with client.messages.stream(**asked) as events:
        return list(events.text_stream)


def generate(client, model, stream):
    asked = {"model": model, "contents": "hello"}
    if not stream:
        return [client.models.generate_content(**asked).text]
    return [chunk.text for chunk in client.models.generate_content_stream(**asked)]


def ask(url, key, wire, model, stream):
    call = {"chat": chat, "responses": responses, "anthropic": messages, "gemini": generate}[wire]
    try:
        pieces = [piece for piece in call(connect(wire, url, key), model, stream) if piece]
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        return {"status": error.status_code, "kind": type(error).__name__, "text": error.message,
                "retry_after": error.response.headers.get("retry-after")}
    except errors.APIError as error:
        return {"status": error.code, "kind": error.status, "text": error.message,
                "retry_after": error.response.headers.get("retry-after")}
    return {"status": 200, "text": "".join(pieces), "pieces": len(pieces)}


for line in sys.stdin:
    print(json.dumps(ask(**json.loads(line))), flush=True)
