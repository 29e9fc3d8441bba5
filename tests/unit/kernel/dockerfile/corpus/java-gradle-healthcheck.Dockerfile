FROM gradle:8-jdk17 AS build
COPY --chown=gradle:gradle . /home/gradle/src
WORKDIR /home/gradle/src
RUN gradle build --no-daemon

FROM amazoncorretto:17
COPY --from=build /home/gradle/src/build/libs/*.jar /app.jar
HEALTHCHECK --interval=30s --timeout=3s --start-period=1m --start-interval=500ms --retries=5 \
  CMD curl -f http://localhost:8080/actuator/health || exit 1
CMD java -jar /app.jar
