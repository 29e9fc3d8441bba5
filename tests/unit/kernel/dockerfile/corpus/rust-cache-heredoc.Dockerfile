# syntax=docker/dockerfile:1
FROM rust:1.75 AS build
WORKDIR /app
RUN --mount=type=bind,source=src,target=src \
    --mount=type=bind,source=Cargo.toml,target=Cargo.toml \
    --mount=type=cache,target=/app/target/,sharing=locked \
    --mount=type=cache,target=/usr/local/cargo/registry/ \
    <<EOF
set -e
cargo build --locked --release
cp ./target/release/app /bin/server
EOF
FROM debian:bullseye-slim
COPY --from=build /bin/server /bin/
CMD ["/bin/server"]
