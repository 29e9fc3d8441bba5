FROM node:lts AS build
WORKDIR /app
COPY . .
RUN yarn install --frozen-lockfile \
 && yarn build

FROM nginx:alpine
COPY --from=build /app/dist /usr/share/nginx/html
COPY <<'EOF' /etc/nginx/conf.d/default.conf
server {
  location / { try_files $uri $uri/ /index.html; }
}
EOF
