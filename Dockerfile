# Offpeak as a static binary and nothing else: docker build --tag offpeak .
#
#   docker run --publish 8080:8080 --volume offpeak:/data --env OPENAI_API_KEY offpeak
#   docker exec CONTAINER /offpeak keys create --data-dir /data --tenant NAME
#
# Inside a container the address is no loopback one, so callers need a key of this gateway (--auth keys).

FROM rust:1.95.0-bookworm AS build
# The image's own compiler, without the components that rust-toolchain.toml adds for development.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN apt-get update \
 && apt-get install --yes --no-install-recommends musl-tools \
 && rm -rf /var/lib/apt/lists/* \
 && rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo build --release --locked --package offpeak --target "$(uname -m)-unknown-linux-musl" \
 && mkdir -p /image/data /image/tmp \
 && cp "target/$(uname -m)-unknown-linux-musl/release/offpeak" /image/offpeak

# Certificate authorities and time zones are compiled in. /tmp is for `offpeak demo`.
FROM scratch
COPY --from=build --chown=65532:65532 /image/ /
USER 65532:65532
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/offpeak"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--data-dir", "/data"]
