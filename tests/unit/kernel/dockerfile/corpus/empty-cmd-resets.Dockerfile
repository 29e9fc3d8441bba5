FROM company/base
ENTRYPOINT []
CMD []
