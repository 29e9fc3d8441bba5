# syntax=docker/dockerfile:1
FROM python:3-alpine
RUN <<EOF python3
with open("/hello", "w") as f:
    print("Hello", file=f)
    print("World", file=f)
EOF
RUN <<EOF
#!/usr/bin/env python3
print("hello world")
EOF
