FROM --platform=$BUILDPLATFORM tonistiigi/xx AS xx
FROM --platform=$BUILDPLATFORM golang:1.22-alpine AS build
RUN apk add clang lld
COPY --from=xx / /
ARG TARGETPLATFORM
RUN --mount=type=bind,target=.,rw xx-go build -o /hello . && xx-verify /hello

FROM gcr.io/distroless/static-debian12:nonroot@sha256:e9ac71e2b8e279a8372741b7a0293afda17650d926900233ec3a7b2b7c22a246
COPY --link --from=build --chmod=0755 /hello /
ENTRYPOINT ["/hello"]
