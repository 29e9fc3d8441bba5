FROM alpine
ARG TAG=v1.2.3-rc1
ENV SHORT=${TAG%-*} NUMBER=${TAG#v} MAJOR=${TAG%%.*} LAST=${TAG##*.}
ENV UNDER=${TAG//./_} FIRST=${TAG/./_} GONE=${TAG/-rc?/}
ENV SET=${TAG:+yes} UNSET=${NOPE:+yes} DEFAULT=${NOPE:-${OTHER:-deep}} EMPTY=${NOPE-}
