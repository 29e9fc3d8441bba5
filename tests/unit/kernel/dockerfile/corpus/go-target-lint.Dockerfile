FROM golang:1.22 AS base
WORKDIR /src
FROM base AS lint
COPY --from=golangci/golangci-lint:v1.55 /usr/bin/golangci-lint /usr/bin/golangci-lint
RUN golangci-lint run
FROM base AS build
RUN go build
FROM scratch AS release
COPY --from=build /src/app /
