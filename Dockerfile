# The gateway with its weights, and the golf backend: two images of one build.
#   docker build -t voice-gateway .
#   docker build -t golf-backend --target golf-backend .

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# Everything but what .dockerignore keeps out, so that a new crate needs no line here.
COPY . .
# The caches stay outside the image, so that a changed line does not build the world again.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --package voice-gateway --package golf-backend \
    && mkdir /out \
    && cp target/release/voice-gateway target/release/golf-backend /out/

# The weights come through pip and are compared with pinned hashes. Python stays in this stage.
FROM debian:bookworm-slim AS weights
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libstdc++6 python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/voice-gateway /usr/local/bin/
ARG LOCAL_STT_MODEL=tiny
ENV MODELS_DIR=/models
RUN voice-gateway models fetch
# An image keeps whole seconds of a file's time. Verified at such a time, the files are still known
# when a container starts, and nothing is hashed again.
RUN find /models -type f -exec touch --date=@0 {} + && voice-gateway models verify

FROM debian:bookworm-slim AS golf-backend
RUN groupadd --gid 10001 golf \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin golf
COPY --from=build /out/golf-backend /usr/local/bin/
USER 10001:10001
EXPOSE 8090
STOPSIGNAL SIGTERM
ENTRYPOINT ["golf-backend"]
CMD ["--listen", "0.0.0.0:8090"]

FROM debian:bookworm-slim AS voice-gateway
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin gateway
COPY --from=weights /models /opt/voice-gateway/models
COPY prompts /opt/voice-gateway/prompts
COPY --from=build /out/voice-gateway /usr/local/bin/
ARG LOCAL_STT_MODEL=tiny
ENV LISTEN_ADDR=0.0.0.0:8080 \
    ADMIN_ADDR=0.0.0.0:8081 \
    MODELS_DIR=/opt/voice-gateway/models \
    PROMPTS_DIR=/opt/voice-gateway/prompts \
    LOCAL_STT_MODEL=$LOCAL_STT_MODEL
# A number, which a platform that forbids root can check without looking into the image.
USER 10001:10001
EXPOSE 8080 8081
# The signal after which running calls may finish.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["voice-gateway", "healthcheck"]
ENTRYPOINT ["voice-gateway"]
CMD ["serve"]
