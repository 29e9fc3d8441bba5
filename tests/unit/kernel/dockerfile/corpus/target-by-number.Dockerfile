FROM a
RUN one
FROM b
RUN two
