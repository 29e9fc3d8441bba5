FROM golang:1.21 AS tools
RUN go install example.org/tool@latest
FROM company/base:onbuild
CMD ["run"]
