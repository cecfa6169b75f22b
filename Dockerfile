# `make image` builds this by Docker, podman or buildah and prints the size; deploy/image/README.md lists the image's options.
#   dev      the toolchain, for `make shell`
#   build    the program, and the final image's root laid out under /rootfs
#   (final)  that root and nothing else: no shell, no package manager, user 65532
#
# Debian 13 rather than 12, by `make image RELEASE=bookworm; make image RELEASE=trixie; tests/image/compare build/image/{bookworm,trixie}`:
#   CPU of a query                        1.00 times Debian 12's (TCP, forwarded), 0.99 times (UDP, cached)
#   start to /readyz                      0.98 times the CPU, 1.10 times as long, as much as that varies from run to run
#   CPU of a query with a new connection  0.96 times where the handshake is full, 1.23 times where it is resumed: OpenSSL 3.5 makes a
#                                         key for X25519MLKEM768 each time, and takes less for the certificates
#   memory                                1.23 times, 10.0 MiB resident
#   size                                  13.82 MB, 5.91 compressed
# A query costs the same on either, and both sizes are within the limit (15 and 6 MB). What Debian 13 gives for its 3.2 MB are keys that no
# quantum computer finds afterwards (X25519MLKEM768), and full support by Debian until 2028; Debian 12's ended in 2026.
ARG BASE=debian:trixie-slim

# Both stages run on the machine that builds; where the image is for another one (--platform), they cross-compile.
FROM --platform=${BUILDPLATFORM} ${BASE} AS dev
ARG TARGETARCH
COPY tests/deps /usr/local/bin/pillion-deps
# python3 lays out the image's root.
RUN pillion-deps --for "${TARGETARCH}" build \
 && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src

FROM dev AS build
COPY . /src
ARG TARGETARCH
ARG VERSION=unknown
ARG COMMIT=unknown
ARG SOURCE_DATE_EPOCH=
# Compilers at once; empty: one for each processor.
ARG JOBS=
# What Debian's libcrypto.a has is linked in by whole members, for it has no section for each function that --gc-sections could leave out.
RUN cmake --preset "release${TARGETARCH:+-${TARGETARCH}}" -B /build -DPILLION_TESTS=OFF -DPILLION_COMMIT="${COMMIT}" \
      -DPILLION_STATIC=ON -DCMAKE_CXX_FLAGS="-ffunction-sections -fdata-sections" \
      -DCMAKE_EXE_LINKER_FLAGS="-Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,pack-relative-relocs" \
 && cmake --build /build -j "${JOBS:-$(nproc)}" --target pillion
RUN SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH}" deploy/image/rootfs.py /build /rootfs --version "${VERSION}" --commit "${COMMIT}"

FROM scratch
ARG BASE
ARG VERSION=unknown
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="pillion" \
      org.opencontainers.image.description="DNS to DNS-over-TLS sidecar" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /rootfs/ /
USER 65532:65532
EXPOSE 8053/udp 8053/tcp 9153/tcp
ENTRYPOINT ["/pillion"]
CMD ["run", "--supervise", "--config", "/etc/pillion/pillion.yaml"]
