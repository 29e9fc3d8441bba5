FROM golang AS build
RUN go build -o /a
FROM build
RUN go vet
FROM alpine
COPY --from=0 /a /a
COPY --from=1 /go/report /
