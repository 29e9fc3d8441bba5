FROM redis:7
USER redis:redis
EXPOSE 6379/tcp 16379 26379/UDP 7000-7002
HEALTHCHECK CMD ["redis-cli", "ping"]
