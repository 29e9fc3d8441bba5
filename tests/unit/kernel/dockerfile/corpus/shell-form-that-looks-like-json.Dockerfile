FROM alpine
RUN ['a', 'b']
RUN [ -f /x ] && echo y
CMD ["echo", "hi"] # comment
ENTRYPOINT [ "sh", "-c", "echo $HOME" ]
