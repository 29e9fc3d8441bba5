FROM alpine:3.18 AS tools
RUN one
FROM alpine:3.19 AS tools
RUN two
FROM tools
COPY --from=tools /x /x
