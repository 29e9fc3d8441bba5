FROM node:20
ARG NODE_ENV=test
RUN npm test
LABEL env=$NODE_ENV
ENV NODE_ENV=production
LABEL late=$NODE_ENV
