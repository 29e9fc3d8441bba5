FROM alpine
RUN <<EOF
FROM is no instruction here
# nor is this a comment
COPY \
EOF
USER x
