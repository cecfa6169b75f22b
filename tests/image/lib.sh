# shellcheck shell=bash
# What the scripts beside this file share: which engine, which base image. To be sourced from the repository's root.
#
#   ENGINE          docker, podman or buildah; without it the first that answers
#   BASE            the image to build on; without it debian:bookworm-slim, or, where no registry can be reached, one made by debootstrap
#   BUILD_OPTIONS   more options for the engine's build, such as "--isolation chroot --network host" for podman within a container

die() {
  echo "$0: $*" >&2
  exit 1
}

choose_engine() {
  if [[ -z ${ENGINE:-} ]]; then
    for candidate in docker podman buildah; do
      if command -v "$candidate" >/dev/null && "$candidate" info >/dev/null 2>&1; then
        ENGINE=$candidate
        break
      fi
    done
  fi
  [[ -n ${ENGINE:-} ]] || die "no container engine answers: install docker, podman or buildah"
  export ENGINE
}

has_image() {
  "$ENGINE" inspect --type image "$1" >/dev/null 2>&1
}

choose_base() {
  [[ -z ${BASE:-} ]] || return 0
  BASE=docker.io/library/debian:bookworm-slim
  if has_image "$BASE" || "$ENGINE" pull "$BASE" >/dev/null 2>&1; then return 0; fi
  BASE=localhost/pillion-base:bookworm
  if ! has_image "$BASE"; then
    echo "debian:bookworm-slim cannot be pulled: making $BASE by debootstrap" >&2
    tests/image/base "$BASE"
  fi
}

# build TARGET NAME [OPTION...]: an image, or with a target one of its stages.
build() {
  local target=$1 name=$2
  shift 2
  local options=(--build-arg "BASE=$BASE" --build-arg "VERSION=$(version)" --build-arg "COMMIT=$(commit)" -t "$name")
  [[ -z $target ]] || options+=(--target "$target")
  # The Dockerfile asks for BUILDPLATFORM. Docker's BuildKit gives it; Debian 12's podman and buildah do not beside --platform.
  case $ENGINE in
    docker) export DOCKER_BUILDKIT=1 ;;
    podman) options+=(--build-arg "BUILDPLATFORM=linux/$(podman info --format '{{.Host.Arch}}')") ;;
    buildah) options+=(--build-arg "BUILDPLATFORM=linux/$(buildah info --format '{{.host.arch}}')") ;;
  esac
  # Words, by intent.
  # shellcheck disable=SC2206
  local more=(${BUILD_OPTIONS:-})
  "$ENGINE" "$([[ $ENGINE == buildah ]] && echo bud || echo build)" "${options[@]}" "${more[@]}" "$@" .
}

version() {
  sed -n 's/^project(pillion VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt
}

commit() {
  git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown
}
