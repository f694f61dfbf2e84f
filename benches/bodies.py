"""Request and answer bodies of the benchmark, in the dialects they are sent in.

The same conversation is written once as OpenAI Chat Completions and once as Anthropic Messages, so
that a pass-through case and its translated twin carry the same content. Everything is made from a
fixed seed: two runs send the same bytes.
"""

import json
import random

SMALL_BYTES = 2_000
LARGE_BYTES = 270_000
N_EVENTS = 102

_WORDS = (
    "the of request stream account token cache upstream client answer retry header body parse "
    "window build branch commit review module function struct field error timeout buffer socket "
    "worker thread queue message schema value number string object array index offset length "
    "first last next before after while when until without between during against into over "
    "größe naïve 文件 錯誤 запрос ✓"
).split()

# What tool results of an agent look like: quotes, backslashes, tabs and newlines to escape.
_CODE = (
    'fn read_{0}(path: &Path) -> Result<{1}, Error> {{\n'
    '\tlet text = fs::read_to_string(path).map_err(|e| Error::Io("{0}", e))?;\n'
    '\tlet {1} = Regex::new("^\\\\s*{1}\\\\b=\\"(.*)\\"$")?;\n'
    '\tOk({1}.captures(&text).map(|c| c[1].to_owned()).unwrap_or_default())\n'
    '}}\n\n'
)


class _Writer:
    """Text of a given length from a seeded source."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def word(self) -> str:
        return self._random.choice(_WORDS)

    def prose(self, n_chars: int) -> str:
        parts: list[str] = []
        length = 0
        while length < n_chars:
            sentence = " ".join(self.word() for _ in range(self._random.randint(6, 16)))
            parts.append(sentence.capitalize() + self._random.choice([". ", ".\n", ".\n\n- "]))
            length += len(parts[-1])
        return "".join(parts).rstrip("\n- ")

    def code(self, n_chars: int) -> str:
        parts: list[str] = []
        length = 0
        while length < n_chars:
            parts.append(_CODE.format(self.word(), self.word()))
            length += len(parts[-1])
        return "".join(parts)

    def between(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def identifier(self, prefix: str) -> str:
        letters = "abcdefghijkmnopqrstuvwxyz0123456789"
        return prefix + "".join(self._random.choice(letters) for _ in range(24))


def _compact(value: object) -> bytes:
    # Clients write their own alphabet and no blanks, as JSON.stringify does.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def small_requests(model: str, stream: bool) -> tuple[bytes, bytes]:
    """One question of about 2 KB: (OpenAI Chat Completions, Anthropic Messages)."""
    writer = _Writer(1)
    system = writer.prose(600)
    question = writer.prose(SMALL_BYTES - 900)
    chat: dict[str, object] = {
        "model": model,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": question},
        ],
        "max_tokens": 1024,
        "temperature": 0.2,
    }
    anthropic: dict[str, object] = {
        "model": model,
        "system": system,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": 1024,
        "temperature": 0.2,
    }
    if stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
        anthropic |= {"stream": True}
    return _compact(chat), _compact(anthropic)


def _tools(writer: _Writer) -> list[dict[str, object]]:
    """24 tools with nested schemas and long descriptions, as coding agents send them."""
    tools: list[dict[str, object]] = []
    for n in range(24):
        properties: dict[str, object] = {
            "file_path": {"type": "string", "description": writer.prose(120)},
            "limit": {"type": "integer", "minimum": 1, "maximum": 2000, "default": 200},
            "mode": {"type": "string", "enum": ["content", "count", "files_with_matches"]},
            "edits": {
                "type": "array",
                "description": writer.prose(200),
                "items": {
                    "type": "object",
                    "properties": {
                        "old_string": {"type": "string", "description": writer.prose(80)},
                        "new_string": {"type": "string", "description": writer.prose(80)},
                        "replace_all": {"type": "boolean", "default": False},
                    },
                    "required": ["old_string", "new_string"],
                    "additionalProperties": False,
                },
            },
            "options": {
                "type": "object",
                "properties": {
                    "timeout_ms": {"type": "number", "description": writer.prose(60)},
                    "env": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
        }
        tools.append(
            {
                "name": f"tool_{n}",
                "description": writer.prose(writer.between(400, 2400)),
                "schema": {
                    "type": "object",
                    "properties": properties,
                    "required": ["file_path"],
                    "additionalProperties": False,
                },
            }
        )
    return tools


def _round(writer: _Writer) -> dict[str, object]:
    """One round of an agent: what it says, one or two calls, their results."""
    calls: list[dict[str, object]] = []
    for _ in range(writer.between(1, 2)):
        arguments = {
            "file_path": f"/home/user/project/src/{writer.identifier('')}.rs",
            "edits": [
                {"old_string": writer.code(200), "new_string": writer.code(300)}
                for _ in range(writer.between(0, 2))
            ],
        }
        calls.append(
            {
                "id": writer.identifier("call_"),
                "name": f"tool_{writer.between(0, 23)}",
                "arguments": arguments,
                "result": writer.code(writer.between(300, 3000)),
            }
        )
    return {"says": writer.prose(writer.between(60, 400)), "calls": calls}


def _as_chat(model: str, system: str, tools: list, task: str, rounds: list) -> bytes:
    messages: list[dict[str, object]] = [
        {"role": "system", "content": system},
        {"role": "user", "content": task},
    ]
    for turn in rounds:
        calls = [
            {
                "id": call["id"],
                "type": "function",
                "function": {
                    "name": call["name"],
                    "arguments": _compact(call["arguments"]).decode(),
                },
            }
            for call in turn["calls"]
        ]
        messages.append({"role": "assistant", "content": turn["says"], "tool_calls": calls})
        messages.extend(
            {"role": "tool", "tool_call_id": call["id"], "content": call["result"]}
            for call in turn["calls"]
        )
    functions = [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool["description"],
                "parameters": tool["schema"],
            },
        }
        for tool in tools
    ]
    return _compact(
        {
            "model": model,
            "messages": messages,
            "tools": functions,
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "max_tokens": 32000,
        }
    )


def _as_anthropic(model: str, system: str, tools: list, task: str, rounds: list) -> bytes:
    ephemeral = {"type": "ephemeral"}
    messages: list[dict[str, object]] = [
        {"role": "user", "content": [{"type": "text", "text": task}]}
    ]
    for turn in rounds:
        says: list[dict[str, object]] = [{"type": "text", "text": turn["says"]}]
        says.extend(
            {
                "type": "tool_use",
                "id": call["id"],
                "name": call["name"],
                "input": call["arguments"],
            }
            for call in turn["calls"]
        )
        results: list[dict[str, object]] = [
            {"type": "tool_result", "tool_use_id": call["id"], "content": call["result"]}
            for call in turn["calls"]
        ]
        messages.append({"role": "assistant", "content": says})
        messages.append({"role": "user", "content": results})
    messages[-1]["content"][-1]["cache_control"] = ephemeral
    return _compact(
        {
            "model": model,
            "system": [{"type": "text", "text": system, "cache_control": ephemeral}],
            "messages": messages,
            "tools": [
                {
                    "name": tool["name"],
                    "description": tool["description"],
                    "input_schema": tool["schema"],
                }
                for tool in tools
            ],
            "max_tokens": 32000,
            "metadata": {"user_id": "user_5f0c_account__session_7d1e"},
        }
    )


def large_requests(model: str) -> tuple[bytes, bytes]:
    """A coding agent in the middle of its work, about 270 KB: (Chat Completions, Messages)."""
    writer = _Writer(2)
    system = writer.prose(16_000)
    tools = _tools(writer)
    task = writer.prose(1_500)
    rounds: list[dict[str, object]] = []
    chat = b""
    while len(chat) < LARGE_BYTES:
        rounds.append(_round(writer))
        chat = _as_chat(model, system, tools, task, rounds)
    return chat, _as_anthropic(model, system, tools, task, rounds)


def _usage() -> dict[str, object]:
    return {
        "prompt_tokens": 431,
        "completion_tokens": 98,
        "total_tokens": 529,
        "prompt_tokens_details": {"cached_tokens": 256, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def json_answer(model: str) -> bytes:
    """The upstream's whole answer, about 2 KB of Chat Completions."""
    message = {
        "role": "assistant",
        "content": _Writer(3).prose(SMALL_BYTES - 600),
        "refusal": None,
    }
    return _compact(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": model,
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            ],
            "usage": _usage(),
            "system_fingerprint": "fp_bench",
        }
    )


def sse_answer(model: str) -> bytes:
    """The upstream's stream: `N_EVENTS` events, `[DONE]` among them."""
    writer = _Writer(4)

    def chunk(delta: dict | None, finish: str | None = None, usage: dict | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        value = {
            "id": "chatcmpl-bench",
            "object": "chat.completion.chunk",
            "created": 1_760_000_000,
            "model": model,
            "system_fingerprint": "fp_bench",
            "choices": [] if delta is None else [choice],
            "usage": usage,
        }
        return b"data: " + _compact(value) + b"\n\n"

    events = [chunk({"role": "assistant", "content": "", "refusal": None})]
    while len(events) < N_EVENTS - 3:
        events.append(chunk({"content": f" {writer.word()}"}))
    events += [chunk({}, "stop"), chunk(None, usage=_usage()), b"data: [DONE]\n\n"]
    return b"".join(events)
