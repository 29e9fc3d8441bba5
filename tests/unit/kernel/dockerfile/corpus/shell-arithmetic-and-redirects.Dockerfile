FROM bash
RUN n=$((1<<4)); cat <<<"$n" && echo $(( 1 << 3 ))
RUN cat<<EOF_is_not_a_word
RUN echo "a << b"
