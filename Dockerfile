# Build:   docker compose build            (or: docker build -t cli-proxy-api-plus .)
# Run:     docker compose up -d
# Log in:  docker exec -it cli-proxy-api-plus ./CLIProxyAPIPlus --codex-login --no-browser

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# .dockerignore lets only sources through: no configuration, no credentials, no earlier build.
COPY . .
# The caches outlive a build, so the second one compiles only what has changed. The program leaves
# the cache in the same step, because the mount is gone afterwards.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked \
    && cp target/release/cli-proxy-api-plus /CLIProxyAPIPlus


FROM debian:bookworm-slim
# procps: `ps` for a look around inside; curl: health check and trying things out.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl procps tzdata \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /CLIProxyAPI
COPY --from=build /CLIProxyAPIPlus ./CLIProxyAPIPlus
COPY config.example.yaml ./config.example.yaml

# Time zone of the log, for example `-e TZ=Asia/Shanghai`.
ENV TZ=UTC
# A container's own loopback cannot be reached from outside: listeners that the configuration does
# not place (login callbacks, a first configuration's `host`) bind all interfaces.
ENV CLI_PROXY_HOST=0.0.0.0

# The API. Login callbacks use 8085, 1455, 54545, 51121 and 11451; see docker-compose.yml.
EXPOSE 8317

# The port is the configuration's; an API behind `tls` answers the second call.
HEALTHCHECK --interval=15s --timeout=10s --start-period=20s --retries=3 \
    CMD port="$(sed -n 's/^port:[ "]*\([0-9]\{1,\}\).*/\1/p' config.yaml 2>/dev/null)"; \
        curl -fsS -m 4 --noproxy '*' "http://127.0.0.1:${port:-8317}/healthz" 2>/dev/null \
        || curl -fsSk -m 4 --noproxy '*' "https://127.0.0.1:${port:-8317}/healthz"

# What is running, for `docker inspect`.
ARG VERSION=dev
ARG COMMIT=none
ARG BUILD_DATE=unknown
LABEL org.opencontainers.image.title="cli-proxy-api-plus" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${BUILD_DATE}"

# SIGTERM lets open streams end for up to 30 s; give it more than docker's 10 s:
# `docker stop -t 35`, or `stop_grace_period` in docker-compose.yml.
STOPSIGNAL SIGTERM
CMD ["./CLIProxyAPIPlus"]
