FROM alpine
# a comment
RUN echo a && \
    echo b
COPY <<EOF /etc/motd
hi
EOF
CMD ["a"]
