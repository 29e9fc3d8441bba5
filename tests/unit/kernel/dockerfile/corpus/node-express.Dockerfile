FROM node:20-alpine
ENV NODE_ENV production
WORKDIR /usr/src/app
COPY ["package.json", "package-lock.json*", "./"]
RUN npm ci --omit=dev && mv node_modules ../
COPY . .
EXPOSE 3000
USER node
CMD ["npm", "start"]
