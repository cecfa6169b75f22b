# `make image` builds this by Docker, podman or buildah and prints the size; README.md lists the image's options.
#   dev      the toolchain, for `make shell`
#   build    the program, and the final image's root laid out under /rootfs
#   (final)  that root and nothing else: no shell, no package manager, user 65532
ARG BASE=debian:bookworm-slim

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
CMD ["run", "--config", "/etc/pillion/pillion.yaml"]
