# The platform's own image. It runs on the host's engine, so it gets the engine's socket and the host's network:
#
#   docker build -t paas-platform .
#   docker run -d --name paas --init --restart unless-stopped --network host --cap-add NET_ADMIN \
#     -v /var/run/docker.sock:/var/run/docker.sock -v /var/lib/paas:/var/lib/paas paas-platform
#   docker exec paas paas doctor
#
# BASE is any Debian or Ubuntu image. Behind a TLS-intercepting proxy put the host's bundle beside this file as ca.crt (it is
# used while the packages are fetched and is not part of the result), and let the running platform hand it to builds:
# -v /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro
ARG BASE=debian:trixie-slim

FROM ${BASE} AS packages
USER root
RUN command -v npm || { apt-get update && apt-get install -y --no-install-recommends npm; }
WORKDIR /opt/paas
COPY package.json package-lock.json ca.cr[t] ./
# No install script runs; the Node that the platform runs on is one of the packages.
RUN NODE_EXTRA_CA_CERTS=/opt/paas/ca.crt npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
  && rm -rf ca.crt node_modules/node-linux-*/include node_modules/node-linux-*/share
# Builds fetch from where these packages came from; the result has no npm to ask.
RUN echo "registry=$(npm config get registry)" >/npmrc

FROM ${BASE}
USER root
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git iptables \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/paas
COPY --from=packages /opt/paas ./
COPY --from=packages /npmrc /usr/local/etc/npmrc
COPY LICENSE README* ./
COPY hooks ./hooks
COPY buildpacks ./buildpacks
COPY src ./src
RUN ln -s /opt/paas/src/cli/paas.cjs /usr/local/bin/paas \
  && ln -s /opt/paas/node_modules/node-linux-*/bin/node /usr/local/bin/node
# The token is kept with the rest, so that a container made anew finds it.
ENV PAAS_HOME=/var/lib/paas XDG_CONFIG_HOME=/var/lib/paas/config PAAS_LINK_COMMAND=false
VOLUME /var/lib/paas
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/node", "/opt/paas/src/bootstrap.cjs", "/opt/paas/src/launcher/main.ts"]
