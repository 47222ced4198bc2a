# Sets the instance's memory in MB, and from it the number of processes that a clustering server may start. bash sources it
# at every start, so it forks no process. Heroku's names: MEMORY_AVAILABLE, WEB_MEMORY, WEB_CONCURRENCY.
if [ -z "${MEMORY_AVAILABLE:-}" ]; then
  for __paas_file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    if [ -r "$__paas_file" ]; then
      read -r __paas_bytes <"$__paas_file" || true
      # "max" and the kernel's page-rounded infinity mean no limit.
      case $__paas_bytes in
      *[!0-9]* | '' | ????????????????*) ;;
      *) export MEMORY_AVAILABLE=$((__paas_bytes / 1048576)) ;;
      esac
      break
    fi
  done
  unset __paas_file __paas_bytes
fi
if [ -n "${MEMORY_AVAILABLE:-}" ]; then
  export WEB_MEMORY=${WEB_MEMORY:-512}
  if [ -z "${WEB_CONCURRENCY:-}" ]; then
    export WEB_CONCURRENCY=$((MEMORY_AVAILABLE / WEB_MEMORY))
    [ "$WEB_CONCURRENCY" -ge 1 ] || WEB_CONCURRENCY=1
  fi
fi
