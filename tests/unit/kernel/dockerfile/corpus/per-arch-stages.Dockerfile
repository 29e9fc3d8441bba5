FROM alpine AS build-amd64
ENV EXTRA=sse
FROM alpine AS build-arm64
ENV EXTRA=neon
FROM build-${TARGETARCH} AS build
ARG TARGETVARIANT
LABEL arch.variant="${TARGETVARIANT:-none}" extra=$EXTRA
