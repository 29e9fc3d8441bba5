FROM node:20 AS web
RUN npm run build
FROM alpine AS unused
RUN false
FROM golang:1.22
RUN --mount=type=bind,from=web,source=/app/dist,target=/web \
    --mount=type=bind,from=busybox:musl,source=/bin,target=/busy \
    --mount=type=cache,from=web,source=/cache,target=/c \
    go generate
