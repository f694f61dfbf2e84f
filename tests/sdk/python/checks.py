"""What the SDK scripts share: arguments, the list of checks, the report.

Every script is started by tests/it/sdk.rs with the URL and key of a running daemon and the names of
its models, one per upstream protocol. A prompt like `/error 429 slow down` tells the scripted
upstream (tests/it/support/sensible.rs) and the built-in demo model alike what to answer.
"""

import argparse
import asyncio
import inspect
import sys
import time
import traceback

THOUGHT = "think"  # in what the demo model and the scripted upstreams think
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
DEMO = "demo-echo"
SYSTEM = "Be brief."
TOOL_PROMPT = '/tool get_weather {"city": "Paris"}'
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Name of the city"}},
    "required": ["city"],
    "additionalProperties": False,
}

_checks = []


def check(function):
    """Runs the function once for every model."""
    _checks.append((function, True))
    return function


def once(function):
    """Runs the function once; it takes no model."""
    _checks.append((function, False))
    return function


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True, help="of the daemon, without a path")
    parser.add_argument("--key", required=True)
    parser.add_argument("--models", required=True, help="separated by commas")
    parser.add_argument("--only", default="", help="part of a check's name")
    return parser.parse_args()


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: got {found!r}, wanted {wanted!r}")


def contains(what, found, wanted):
    if found is None or wanted not in found:
        raise AssertionError(f"{what}: got {found!r}, wanted {wanted!r} in it")


def raises(kind, call):
    """Returns the exception of exactly this class."""
    try:
        answer = call()
    except Exception as error:
        if type(error) is kind:
            return error
        raise
    raise AssertionError(f"no {kind.__name__}, but {answer!r}")


def saw_picture(model, text):
    """The demo model only knows that there was a picture, the upstreams decode it."""
    contains("text", text, "[image]" if model == DEMO else "image/png of 70 bytes")


def main(args):
    passed = failed = 0
    for function, per_model in _checks:
        if args.only not in function.__name__:
            continue
        for model in args.models.split(",") if per_model else [None]:
            name = f"{function.__name__} {model or ''}".strip()
            started = time.monotonic()
            try:
                result = function(model) if per_model else function()
                if inspect.isawaitable(result):
                    asyncio.run(result)
            except Exception:
                failed += 1
                print(f"FAILED {name}", flush=True)
                traceback.print_exc(file=sys.stdout)
            else:
                passed += 1
                print(f"ok {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
