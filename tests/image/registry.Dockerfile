# A registry from Debian's package, so that none is needed to have one.
# tests/image/registry says which: that of the image.
ARG BASE
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends docker-registry && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /var/lib/registry && printf '%s\n' 'version: 0.1' 'log: {level: warn}' \
      'storage: {filesystem: {rootdirectory: /var/lib/registry}}' 'http: {addr: ":5000"}' >/etc/registry.yml
VOLUME /var/lib/registry
EXPOSE 5000
ENTRYPOINT ["/usr/bin/docker-registry", "serve", "/etc/registry.yml"]
