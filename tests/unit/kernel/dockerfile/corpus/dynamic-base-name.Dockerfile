ARG FLAVOUR=debian
FROM debian:12 AS base-debian
RUN apt-get update
FROM alpine:3 AS base-alpine
RUN apk update
FROM base-${FLAVOUR} AS final
CMD ["x"]
