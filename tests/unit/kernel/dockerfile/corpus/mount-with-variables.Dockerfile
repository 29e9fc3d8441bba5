FROM golang:1.22
ARG TARGETARCH
ENV CACHE=/root/.cache
RUN --mount=type=cache,id=go-$TARGETARCH,target=${CACHE}/go-build go build ./...
