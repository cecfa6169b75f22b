# shellcheck shell=bash
# What the scripts beside this file share: which engine, which base image. To be sourced from the repository's root.
#
#   ENGINE          docker, podman or buildah; without it the first that answers
#   RELEASE         the Debian release to build on, bookworm or trixie; without it that of the Dockerfile
#   BASE            the image to build on; without it debian:RELEASE-slim, or, where no registry can be reached, one made by debootstrap
#   RUN_OPTIONS     more options for the engine's run; without it the limits that podman may set
#   BUILD_OPTIONS   more options for the engine's build; without it those that podman or buildah needs to reach Debian's mirror

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

# The limits that podman gives a container by itself are above what root may set in many a container.
choose_run_options() {
  [[ -z ${RUN_OPTIONS:-} && $ENGINE == podman ]] || return 0
  local name hard
  RUN_OPTIONS=
  for name in nofile nproc; do
    hard=$(if [[ $name == nofile ]]; then ulimit -Hn; else ulimit -Hu; fi)
    if [[ $hard == unlimited || $hard -gt 10000 ]]; then hard=10000; fi
    RUN_OPTIONS+=" --ulimit $name=$hard:$hard"
  done
}

has_image() {
  "$ENGINE" inspect --type image "$1" >/dev/null 2>&1
}

choose_base() {
  [[ -z ${BASE:-} ]] || return 0
  local release=${RELEASE:-$(sed -n 's/^ARG BASE=debian:\(.*\)-slim$/\1/p' Dockerfile)}
  case $release in
    bookworm | trixie) ;;
    *) die "RELEASE=$release is not known: bookworm or trixie, or BASE=IMAGE for another base" ;;
  esac
  BASE=docker.io/library/debian:$release-slim
  if has_image "$BASE" || "$ENGINE" pull "$BASE" >/dev/null 2>&1; then return 0; fi
  BASE=localhost/pillion-base:$release
  if ! has_image "$BASE"; then
    echo "debian:$release-slim cannot be pulled: making $BASE by debootstrap" >&2
    tests/image/base "$BASE" "$release"
  fi
}

# Within a container, podman and buildah may have to run a build's programs in this machine's network, or isolate them less. Nothing is
# cached, since what worked before may do so no longer.
choose_build_options() {
  [[ -z ${BUILD_OPTIONS:-} && $ENGINE != docker ]] || return 0
  local options context trial=localhost/pillion-build-trial
  context=$(mktemp -d)
  printf 'FROM %s\nRUN apt-get update -q --error-on=any\n' "$BASE" >"$context/Dockerfile"
  for options in "" "--network host" "--isolation chroot --network host"; do
    # shellcheck disable=SC2086
    if "$ENGINE" "$(build_command)" --no-cache -t "$trial" $options "$context" >"$context/log" 2>&1; then
      "$ENGINE" rmi "$trial" >/dev/null
      rm -r "$context"
      BUILD_OPTIONS=$options
      return
    fi
  done
  cat "$context/log" >&2
  rm -r "$context"
  die "$ENGINE cannot build: no package lists with any of the options tried; BUILD_OPTIONS names others"
}

build_command() {
  [[ $ENGINE == buildah ]] && echo bud || echo build
}

# build TARGET NAME [OPTION...]: an image, or with a target one of its stages.
build() {
  local target=$1 name=$2
  shift 2
  choose_build_options
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
  "$ENGINE" "$(build_command)" "${options[@]}" "${more[@]}" "$@" .
}

version() {
  sed -n 's/^project(pillion VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt
}

commit() {
  git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown
}
