#!/bin/bash
# Starts the processes of this image: launcher TYPE, or launcher -- COMMAND ARGUMENT…
# Written by the platform when the image was made.

__paas_override() { export "$1=$2"; }
__paas_default() { [ -n "${!1-}" ] || export "$1=$2"; }
__paas_append() { export "$1=${!1-}${!1:+$3}$2"; }
__paas_prepend() { export "$1=$2${!1:+$3}${!1-}"; }

# The program writes a TOML table of strings to descriptor 3, as lines of `name = "value"`.
__paas_exec_d() {
  local output line value
  output=$("$1" 3>&1 1>&2) || {
    local status=$?
    printf '%s ended with %d, so nothing was started.\n' "$1" "$status" >&2
    exit "$status"
  }
  while IFS= read -r line; do
    if [[ $line =~ ^[[:space:]]*\"?([A-Za-z_][A-Za-z0-9_]*)\"?[[:space:]]*=[[:space:]]*\"(.*)\"[[:space:]]*$ ]]; then
      # printf knows TOML's escapes, except the one of the quote.
      printf -v value '%b' "${BASH_REMATCH[2]//\\\"/\\x22}"
      export "${BASH_REMATCH[1]}=$value"
    elif [[ $line =~ ^[[:space:]]*\"?([A-Za-z_][A-Za-z0-9_]*)\"?[[:space:]]*=[[:space:]]*\'(.*)\'[[:space:]]*$ ]]; then
      export "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}"
    elif [[ $line != *([[:space:]]) && $line != *([[:space:]])#* ]]; then
      printf '%s wrote a line that is not name = "value": %s\n' "$1" "$line" >&2
      exit 1
    fi
  done <<<"$output"
}

__paas_source() {
  # shellcheck disable=SC1090
  [ ! -r "$1" ] || source "$1"
}

# The app's own profile scripts, as on Heroku: after the config vars and the layers, in byte order.
__paas_profiles() {
  local script
  for script in .profile.d/*.sh .profile; do __paas_source "$script"; done
}

__paas_refuse() {
  local known="${__paas_types[*]}"
  if (($# > 0)); then
    printf 'There is no process type %s in this image. It has: %s\n' "$1" "${known:-none}" >&2
  else
    printf 'No process type was named. The process types are: %s\n' "${known:-none}" >&2
  fi
  exit 127
}

__paas_main() {
  local known
  # Called by a link with the name of a process type (platform spec, "/cnb/process").
  case $0 in /cnb/process/*) set -- "${0##*/}" "$@" ;; esac
  if (($# == 0)) && [ -n "$__paas_default_type" ]; then set -- "$__paas_default_type"; fi
  __paas_type=''
  if [ "${1-}" = -- ]; then
    shift
    (($# > 0)) || __paas_refuse
  else
    for known in "${__paas_types[@]}"; do
      [ "$known" != "${1-}" ] || __paas_type=$known
    done
    [ -n "$__paas_type" ] || __paas_refuse "$@"
    shift
  fi
  cd -- "$__paas_app" || exit 1
  __paas_environment
  __paas_profiles
  __paas_start "$@"
  exit 127
}
