# syntax=docker/dockerfile:1
# Three stages: compile with the development dependencies, install the others anew, and copy both
# into an image that holds nothing else.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
ENV NPM_CONFIG_UPDATE_NOTIFIER=false NPM_CONFIG_FUND=false NPM_CONFIG_AUDIT=false
COPY package.json package-lock.json ./
# No install scripts: what they would prepare (a database for development, native builds) is not
# needed to compile. The one that is, generating the database client, is part of the build.
RUN npm ci --ignore-scripts
COPY prisma.config.ts tsconfig.json tsconfig.build.json ./
COPY scripts/build.mjs scripts/generate.mjs scripts/
COPY prisma prisma
COPY src src
RUN npm run build

FROM ${NODE_IMAGE} AS modules
WORKDIR /app
ENV NPM_CONFIG_UPDATE_NOTIFIER=false NPM_CONFIG_FUND=false NPM_CONFIG_AUDIT=false
COPY package.json package-lock.json ./
# Optional packages are left out because the embedded PostgreSQL is one of them; the one that
# production wants, the fast argon2 for this platform, comes from the other stage.
RUN npm ci --omit=dev --omit=optional --ignore-scripts
COPY --from=build /app/node_modules/@node-rs node_modules/@node-rs

FROM ${NODE_IMAGE} AS runtime
# Nothing here is ever installed again, so the tools to do so go.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx \
      /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/latchkey
WORKDIR /app
ENV NODE_ENV=production LATCHKEY_DATA_DIR=/var/lib/latchkey
COPY package.json ./
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY prisma/migrations prisma/migrations
COPY data data
COPY views views
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 3000
STOPSIGNAL SIGTERM
# Liveness, not readiness: a database that is away is no reason to kill the server.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const tls = process.env.LATCHKEY_TLS_CERT ? 'https' : 'http'; require(tls).get({ host: '127.0.0.1', port: process.env.PORT || 3000, path: '/health/live', rejectUnauthorized: false, timeout: 4000 }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('timeout', () => process.exit(1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["start"]
