#!/usr/bin/env python3
"""CPU per request of the daemon, next to nginx `proxy_pass` in the same run.

    apt-get install nginx-light wrk        # and valgrind for --callgrind
    cargo build --release
    python3 benches/gateway.py             # about 5 minutes, prints a Markdown table
    python3 benches/gateway.py --callgrind # instructions per request, for a quiet comparison

Setting: the subject (daemon or nginx, one worker each) has one core; the upstream (a second nginx
with canned answers) and the load generator share another. 16 keep-alive connections, each sends the
next request when the answer is complete. Both subjects get the same request bytes and the same
upstream answers; nginx passes on, the daemon also checks the key, reads the request, chooses the
account, and in the translated cases speaks Anthropic Messages to the client and OpenAI Chat
Completions to the upstream. Neither writes an access log (`--access-log`: both do).

CPU time is utime + stime of the process and its children from /proc, over requests answered in
that time. Every repetition measures both subjects one after the other; the table shows the best of
each. Numbers of a busy machine are noisy: the load is printed below the table.

Python 3.10, standard library only, Linux. Listens on 127.0.0.1 only, writes into one temporary
folder, stops only what it started. Exit code 1: a process ended early, an answer was wrong, or a
request failed.
"""

import argparse
import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import bodies

CONNECTIONS = 16
CLIENT_KEY = "bench-client-key"
UPSTREAM_KEY = "bench-upstream-key"
# One model per kind of answer: the upstream knows by the path what to answer.
JSON_MODEL = "bench-json"
SSE_MODEL = "bench-sse"
START_LIMIT_SECONDS = 60
ROOT = pathlib.Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """Something failed that makes the numbers worthless."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    path: str  # at the daemon
    answer: str  # folder of the upstream and of nginx: `json` or `sse`
    headers: dict[str, str]
    body: bytes
    check: Callable[[bytes], bool]  # of the daemon's answer


@dataclasses.dataclass
class Subject:
    """A running proxy under test."""

    name: str
    process: subprocess.Popen
    port: int
    path_of: Callable[[Case], str]


@dataclasses.dataclass(frozen=True)
class Measured:
    """One repetition."""

    requests_per_s: float
    cpu_us: float  # per request


def cases() -> list[Case]:
    """The six cases; bodies are made once."""
    json_header = {"content-type": "application/json"}
    chat = json_header | {"authorization": f"Bearer {CLIENT_KEY}"}
    anthropic = json_header | {"x-api-key": CLIENT_KEY, "anthropic-version": "2023-06-01"}
    small = bodies.small_requests(JSON_MODEL, stream=False)
    large = bodies.large_requests(JSON_MODEL)
    stream = bodies.small_requests(SSE_MODEL, stream=True)
    answered = json.loads(bodies.json_answer(JSON_MODEL))["choices"][0]["message"]["content"]
    words = "".join(_deltas(bodies.sse_answer(SSE_MODEL), _chat_delta))

    def is_chat(body: bytes) -> bool:
        return json.loads(body)["choices"][0]["message"]["content"] == answered

    def is_anthropic(body: bytes) -> bool:
        return json.loads(body)["content"] == [{"type": "text", "text": answered}]

    def is_chat_stream(body: bytes) -> bool:
        whole = body.count(b"data: ") == bodies.N_EVENTS and body.endswith(b"data: [DONE]\n\n")
        return whole and "".join(_deltas(body, _chat_delta)) == words

    def is_anthropic_stream(body: bytes) -> bool:
        whole = b"event: message_stop" in body
        return whole and "".join(_deltas(body, _anthropic_delta)) == words

    v1_chat, v1_messages = "/v1/chat/completions", "/v1/messages"
    return [
        Case("a: JSON 2 KB, passed on", v1_chat, "json", chat, small[0], is_chat),
        Case("b: JSON 2 KB, translated", v1_messages, "json", anthropic, small[1], is_anthropic),
        Case("c: JSON 270 KB, passed on", v1_chat, "json", chat, large[0], is_chat),
        Case("d: JSON 270 KB, translated", v1_messages, "json", anthropic, large[1], is_anthropic),
        Case("e: SSE 102 events, passed on", v1_chat, "sse", chat, stream[0], is_chat_stream),
        Case(
            "f: SSE 102 events, translated",
            v1_messages,
            "sse",
            anthropic,
            stream[1],
            is_anthropic_stream,
        ),
    ]


def _deltas(stream: bytes, read: Callable[[dict], str]) -> Iterator[str]:
    for line in stream.splitlines():
        if line.startswith(b"data: {"):
            yield read(json.loads(line[len(b"data: ") :]))


def _chat_delta(event: dict) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event["choices"])


def _anthropic_delta(event: dict) -> str:
    return event["delta"]["text"] if event["type"] == "content_block_delta" else ""


# == Processes ==


class Processes:
    """Children of this run; all are stopped when it ends, whatever the reason."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._started: list[tuple[str, subprocess.Popen]] = []

    def start(
        self, name: str, command: list[str], core: int, env: dict[str, str]
    ) -> subprocess.Popen:
        """Starts `command` on one core; its output goes to `<name>.out`."""
        with open(self.folder / f"{name}.out", "wb") as out:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )
        self._started.append((name, process))
        return process

    def check(self) -> None:
        """Raises when one has ended."""
        for name, process in self._started:
            if process.poll() is not None:
                raise BenchError(f"{name} ended with {process.returncode}:\n{self.said(name)}")

    def said(self, name: str) -> str:
        """The last lines a process wrote."""
        text = (self.folder / f"{name}.out").read_text(errors="replace")
        return "\n".join(text.splitlines()[-20:])

    def stop(self) -> None:
        """Asks each to end, then kills what is left."""
        for _, process in reversed(self._started):
            if process.poll() is None:
                process.terminate()
        for _, process in reversed(self._started):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_for(self, port: int) -> None:
        """Waits until somebody listens on `port`."""
        give_up_at = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < give_up_at:
            self.check()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        raise BenchError(f"nobody listens on port {port} after {START_LIMIT_SECONDS} s")


def free_ports(n: int) -> list[int]:
    """`n` different ports that nobody uses."""
    with contextlib.ExitStack() as open_sockets:
        ports = []
        for _ in range(n):
            holder = open_sockets.enter_context(socket.socket())
            holder.bind(("127.0.0.1", 0))
            ports.append(holder.getsockname()[1])
        return ports


def cpu_seconds(pid: int) -> float:
    """utime + stime of a process, its threads and its living children."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as stat:
            # The command's name is in brackets and may hold blanks and brackets.
            fields = stat.read().rpartition(b")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(entry))
            ticks[int(entry)] = int(fields[11]) + int(fields[12])
    if pid not in ticks:
        raise BenchError(f"process {pid} is gone")
    total, todo = 0, [pid]
    while todo:
        here = todo.pop()
        total += ticks.get(here, 0)
        todo.extend(children.get(here, []))
    return total / os.sysconf("SC_CLK_TCK")


# == nginx: the upstream, and the one to compare with ==

NGINX = """\
{user}
worker_processes 1;
daemon off;
pid {name}.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log {access_log};
    client_body_temp_path {name}-body;
    proxy_temp_path {name}-proxy;
    fastcgi_temp_path {name}-fastcgi;
    uwsgi_temp_path {name}-uwsgi;
    scgi_temp_path {name}-scgi;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    sendfile on;
    client_max_body_size 64m;
    # Bodies stay in memory, as they do in the daemon.
    client_body_buffer_size 1m;
{servers}
}}
"""

# A POST to a file is answered 405, which is turned into the file. The mirror makes nginx read the
# request body to its end first: without it the answer overtakes the body, and a client that
# keeps connections alive has to drop them.
UPSTREAM_SERVER = """\
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {root};
        open_file_cache max=16;
        open_file_cache_valid 1h;
        location = /json/v1/chat/completions {{
            mirror /nowhere;
            error_page 404 405 =200 /answer.json;
        }}
        location = /sse/v1/chat/completions {{
            mirror /nowhere;
            error_page 404 405 =200 /answer.sse;
        }}
        location = /answer.json {{ types {{}} default_type application/json; }}
        location = /answer.sse {{ types {{}} default_type text/event-stream; }}
        location = /nowhere {{ internal; return 204; }}
        location = /v1/chat/completions {{ internal; }}
    }}
"""

PROXY_SERVER = """\
    upstream canned {{
        server 127.0.0.1:{upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://canned;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_buffer_size {buffer};
            proxy_buffers 8 {buffer};
        }}
    }}
"""


def start_nginx(
    processes: Processes, name: str, servers: str, core: int, access_log: str
) -> subprocess.Popen:
    """An nginx of our own: configuration, prefix, pid file and logs below the temporary folder."""
    nginx = tool("nginx")
    # The worker must be able to read the folder; only root may choose its worker's user.
    user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
    config = processes.folder / f"{name}.conf"
    config.write_text(NGINX.format(user=user, name=name, access_log=access_log, servers=servers))
    command = [nginx, "-p", str(processes.folder), "-c", str(config), "-e", "stderr"]
    return processes.start(name, command, core, clean_env(processes.folder))


def start_upstream(processes: Processes, core: int) -> int:
    """Starts the canned upstream; returns its port."""
    root = processes.folder / "answers"
    for folder in ("json/v1/chat", "sse/v1/chat"):
        (root / folder).mkdir(parents=True)
        # Must exist: nginx looks for the file before it finds that POST is not allowed.
        (root / folder / "completions").touch()
    (root / "answer.json").write_bytes(bodies.json_answer(JSON_MODEL))
    (root / "answer.sse").write_bytes(bodies.sse_answer(SSE_MODEL))
    (port,) = free_ports(1)
    start_nginx(
        processes, "upstream", UPSTREAM_SERVER.format(port=port, root=root), core, "off"
    )
    processes.wait_for(port)
    return port


def start_proxy(
    processes: Processes, upstream: int, core: int, options: argparse.Namespace
) -> Subject:
    """Starts the nginx to compare with."""
    (port,) = free_ports(1)
    servers = PROXY_SERVER.format(port=port, upstream=upstream, buffer=options.nginx_buffer)
    log = "access.log" if options.access_log else "off"
    process = start_nginx(processes, "proxy", servers, core, log)
    processes.wait_for(port)
    # nginx takes any path; the upstream's says which answer is wanted.
    return Subject("nginx", process, port, lambda case: f"/{case.answer}/v1/chat/completions")


# == The daemon ==

CONFIG = """\
host: "127.0.0.1"
port: {port}
auth-dir: "{folder}/auths"
api-keys:
  - "{client_key}"
openai-compatibility:
  - name: "bench-json"
    base-url: "http://127.0.0.1:{upstream}/json/v1"
    api-key-entries:
      - api-key: "{upstream_key}"
    models:
      - name: "{json_model}"
        alias: "{json_model}"
  - name: "bench-sse"
    base-url: "http://127.0.0.1:{upstream}/sse/v1"
    api-key-entries:
      - api-key: "{upstream_key}"
    models:
      - name: "{sse_model}"
        alias: "{sse_model}"
"""


def clean_env(folder: pathlib.Path) -> dict[str, str]:
    """No proxy, no store, no home of the person who runs this."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(folder), "LANG": "C.UTF-8"}


def start_daemon(
    processes: Processes,
    upstream: int,
    core: int,
    options: argparse.Namespace,
    under: tuple[str, ...] = (),
) -> Subject:
    """Starts the daemon, with `under` in front of its command."""
    (port,) = free_ports(1)
    folder = processes.folder
    (folder / "auths").mkdir(mode=0o700)
    config = folder / "config.yaml"
    config.write_text(
        CONFIG.format(
            port=port,
            folder=folder,
            client_key=CLIENT_KEY,
            upstream=upstream,
            upstream_key=UPSTREAM_KEY,
            json_model=JSON_MODEL,
            sse_model=SSE_MODEL,
        )
    )
    env = clean_env(folder)
    if not options.access_log:
        env["RUST_LOG"] = "warn"
    command = [*under, str(options.daemon), "--config", str(config)]
    process = processes.start("daemon", command, core, env)
    processes.wait_for(port)
    return Subject("daemon", process, port, lambda case: case.path)


def check_workers(subject: Subject) -> None:
    """Raises unless the daemon has one worker thread, as nginx has: one per core it may use."""
    if subject.name != "daemon":
        return
    tasks = pathlib.Path(f"/proc/{subject.process.pid}/task").iterdir()
    # The kernel cuts names after 15 bytes.
    workers = sum((task / "comm").read_text().startswith("actix-rt|system") for task in tasks)
    if workers != 1:
        raise BenchError(f"the daemon has {workers} workers, nginx has one")


# == Measuring ==

# `done` runs once in wrk's main thread; its line is found by the leading word.
WRK_SCRIPT = """\
wrk.method = "POST"
for name, value in pairs({headers}) do wrk.headers[name] = value end
local file = assert(io.open("{body}", "rb"))
wrk.body = file:read("*a")
file:close()
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    e.connect, e.read, e.write, e.status, e.timeout))
end
"""


def ask(subject: Subject, case: Case, connection: http.client.HTTPConnection) -> bytes:
    """One request; raises unless the answer is 200."""
    connection.request("POST", subject.path_of(case), case.body, case.headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise BenchError(f"{subject.name}, case {case.name}: {response.status} {body[:500]!r}")
    return body


def check_answer(subject: Subject, case: Case) -> None:
    """Raises unless the subject answers what it should."""
    connection = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=60)
    with contextlib.closing(connection):
        body = ask(subject, case, connection)
    if subject.name == "nginx":
        expected = bodies.sse_answer(SSE_MODEL) if case.answer == "sse" else None
        right = body == (expected or bodies.json_answer(JSON_MODEL))
    else:
        right = case.check(body)
    if not right:
        raise BenchError(f"{subject.name}, case {case.name}: wrong answer {body[:2000]!r}")


def load(processes: Processes, subject: Subject, case: Case, core: int, seconds: int) -> Measured:
    """One repetition."""
    body = processes.folder / f"{case.name[0]}.body"
    if not body.exists():
        body.write_bytes(case.body)
    pairs = ", ".join(f'["{name}"] = "{value}"' for name, value in case.headers.items())
    script = processes.folder / f"{case.name[0]}.lua"
    script.write_text(WRK_SCRIPT.format(headers="{" + pairs + "}", body=body))
    url = f"http://127.0.0.1:{subject.port}{subject.path_of(case)}"
    command = [tool("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += ["--timeout", "10s", "-s", str(script), url]
    before = cpu_seconds(subject.process.pid)
    # Not one of `processes`: it ends by itself.
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        env=clean_env(processes.folder),
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    spent = cpu_seconds(subject.process.pid) - before
    processes.check()
    line = next((line for line in ran.stdout.splitlines() if line.startswith("RESULT ")), None)
    if ran.returncode != 0 or line is None:
        raise BenchError(f"wrk ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    n_requests, micros, *errors = (int(word) for word in line.split()[1:])
    if any(errors) or n_requests == 0:
        kinds = dict(zip(("connect", "read", "write", "status", "timeout"), errors))
        raise BenchError(f"{subject.name}, case {case.name}: {n_requests} answers, errors {kinds}")
    return Measured(n_requests * 1e6 / micros, spent * 1e6 / n_requests)


def compare(processes: Processes, options: argparse.Namespace) -> str:
    """Runs every case against both; returns the table."""
    subject_core, other_core = cores()
    upstream = start_upstream(processes, other_core)
    subjects = []
    if "nginx" in options.subjects:
        subjects.append(start_proxy(processes, upstream, subject_core, options))
    if "daemon" in options.subjects:
        subjects.append(start_daemon(processes, upstream, subject_core, options))
    chosen = [case for case in cases() if case.name[0] in options.cases]
    runs: dict[tuple[str, str], list[Measured]] = {}
    for case in chosen:
        for subject in subjects:
            check_answer(subject, case)
            check_workers(subject)
            load(processes, subject, case, other_core, 1)  # warms up
        for n in range(options.repetitions):
            for subject in subjects:
                measured = load(processes, subject, case, other_core, options.seconds)
                runs.setdefault((case.name, subject.name), []).append(measured)
                print(
                    f"{case.name} | {subject.name} | {n + 1} | "
                    f"{measured.requests_per_s:.0f}/s | {measured.cpu_us:.1f} µs",
                    file=sys.stderr,
                )
    names = [subject.name for subject in subjects]
    return table([case.name for case in chosen], names, runs) + "\n\n" + setting(options)


def table(case_names: list[str], subjects: list[str], runs: dict) -> str:
    """Best throughput and best CPU time of each subject, and the daemon's share of nginx."""
    head = ["case"]
    for unit in ("req/s", "CPU µs/req"):
        head += [f"{subject} {unit}" for subject in subjects]
        if len(subjects) == 2:
            head.append("ratio")
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for case in case_names:
        row = [case]
        rates = [max(run.requests_per_s for run in runs[case, name]) for name in subjects]
        times = [min(run.cpu_us for run in runs[case, name]) for name in subjects]
        for values, digits in ((rates, 0), (times, 1)):
            row += [f"{value:.{digits}f}" for value in values]
            if len(values) == 2:
                row.append(f"{values[1] / values[0]:.2f}")
        rows.append(row)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def setting(options: argparse.Namespace) -> str:
    """What the numbers depend on."""
    nginx = subprocess.run([tool("nginx"), "-v"], capture_output=True, text=True).stderr.strip()
    load_1, load_5, _ = os.getloadavg()
    return (
        f"{CONNECTIONS} connections, {options.seconds:g} s, best of {options.repetitions}; "
        f"ratio = daemon / nginx; {nginx}, buffer {options.nginx_buffer}; "
        f"{platform.machine()}, {os.cpu_count()} cores, "
        f"load average {load_1:.1f} (1 min), {load_5:.1f} (5 min)"
    )


# == Instructions ==


def callgrind(processes: Processes, options: argparse.Namespace) -> str:
    """Instructions per request under valgrind, one connection; returns the table."""
    subject_core, other_core = cores()
    upstream = start_upstream(processes, other_core)
    out = processes.folder / "callgrind.out"
    valgrind, vgdb = tool("valgrind"), tool("vgdb")
    prefix = f"--vgdb-prefix={processes.folder}/vgdb"
    under = (valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", prefix)
    subject = start_daemon(processes, upstream, subject_core, options, under)

    def order(word: str) -> None:
        command = [vgdb, prefix, f"--pid={subject.process.pid}", word]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if ran.returncode != 0:
            raise BenchError(f"vgdb {word}: {ran.stdout}{ran.stderr}")

    rows = ["| case | instructions/request |", "| --- | ---: |"]
    n_dumps = 0
    for case in cases():
        if case.name[0] not in options.cases:
            continue
        check_answer(subject, case)
        connection = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=120)
        with contextlib.closing(connection):
            for _ in range(max(3, options.requests // 10)):
                ask(subject, case, connection)
            order("zero")
            for _ in range(options.requests):
                ask(subject, case, connection)
            order("dump")
        n_dumps += 1
        processes.check()
        per_request = totals(out.with_name(f"{out.name}.{n_dumps}")) / options.requests
        rows.append(f"| {case.name} | {per_request:,.0f} |")
        print(rows[-1], file=sys.stderr)
    return "\n".join(rows) + f"\n\n{options.requests} requests per case, one after the other"


def totals(dump: pathlib.Path) -> int:
    """Instructions in a callgrind dump."""
    for line in dump.read_text(errors="replace").splitlines():
        if line.startswith(("totals:", "summary:")):
            return int(line.split()[1])
    raise BenchError(f"{dump} has no totals")


# == Start ==


def tool(name: str) -> str:
    """Path of a program; Debian keeps nginx out of a user's PATH."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise BenchError(f"`{name}` is not installed (apt-get install nginx-light wrk valgrind)")
    return found


def cores() -> tuple[int, int]:
    """The core of the subject and that of the load."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise BenchError("needs two cores: one for the subject, one for load and upstream")
    return usable[0], usable[1]


def arguments() -> argparse.Namespace:
    """The command line."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    program = target / "release/cli-proxy-api-plus"
    parser.add_argument("--daemon", type=pathlib.Path, default=program)
    parser.add_argument("--seconds", type=int, default=5, help="per repetition")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--cases", default="abcdef", help="letters of the cases to run")
    parser.add_argument("--access-log", action="store_true", help="both write an access log")
    parser.add_argument("--subjects", default="nginx,daemon", help="only one of them: no ratios")
    parser.add_argument(
        "--nginx-buffer",
        default="4k",
        help="nginx `proxy_buffer_size`; the canned stream arrives in one piece, so that 32k lets "
        "nginx pass it on in one piece as well [nginx's own default: 4k]",
    )
    parser.add_argument("--callgrind", action="store_true", help="count instructions instead")
    parser.add_argument("--requests", type=int, default=200, help="per case, with --callgrind")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    options = parser.parse_args()
    options.subjects = options.subjects.split(",")
    options.daemon = options.daemon.resolve()
    needs_daemon = options.callgrind or "daemon" in options.subjects
    if needs_daemon and not os.access(options.daemon, os.X_OK):
        parser.error(f"{options.daemon} is missing: cargo build --release, or --daemon PATH")
    if not set(options.subjects) <= {"nginx", "daemon"}:
        parser.error("--subjects: nginx, daemon or both")
    return options


def main() -> int:
    """Runs what was asked for."""
    options = arguments()
    # Without this a terminated run would leave its children behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gateway-bench-"))
    processes = Processes(folder)
    try:
        print((callgrind if options.callgrind else compare)(processes, options))
    except (BenchError, OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        processes.stop()
        if options.keep:
            print(f"kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
