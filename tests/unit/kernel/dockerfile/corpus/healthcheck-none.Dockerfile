FROM company/with-healthcheck
HEALTHCHECK NONE
