FROM --platform=linux/arm/v7 debian AS armhf
FROM --platform=$TARGETPLATFORM alpine
COPY --from=armhf /lib /lib
