FROM alpine AS alpine
RUN apk add curl
FROM alpine
COPY --from=debian /etc/debian_version /
