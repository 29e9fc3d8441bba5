FROM ubuntu:22.04
# install things
RUN apt-get update \
    # first comment
 && apt-get install -y \
# comment in column one

      curl \
      \
      git \
 && rm -rf /var/lib/apt/lists/* # not a comment for us
