# The only program that the platform starts in a build's jail: bash -c "$(cat agent.sh)". It reads requests on standard
# input and answers on standard output; the output of builds goes to standard error. It runs as the same user as the
# build, which can stop it and answer in its place. So the platform trusts its answers only about the app that is built,
# and counts, times and limits the build from outside; where the host cannot count a disk, the agent must.
#
# A request is a verb on a line, then data in frames: their length in bytes on a line, the bytes, and 0 at the end.
# If the data is a list of words, each word ends with NUL. An answer is one line.
#
#   put DIRECTORY   tar                                        ok
#   run             mark, "counts" or nothing, where, output, count, environment…, argv…
#                                                              exit STATUS OOM-KILLS; meanwhile: alive [MEGABYTES FILES]
#   list            depth, paths…                              data BASE64: type, size, path; each ends with NUL
#   read            paths…                                     data BASE64: tar
#   fingerprints    trees…                                     data BASE64: a SHA-256 on a line for each tree
#   archive         trees…                                     a tar of all of them by zstd, and the end
#
# A tree is: path, count, excluded paths….

umask 022
export LC_ALL=C
shopt -s lastpipe
set -o pipefail
exec 3>&1 4>&2 1>&2
cd /

# Names the user that this runs as, for programs that look it up (ssh, npm), and gives it the certificates to write to.
name_user() {
  local file text certificates=/etc/ssl/certs/ca-certificates.crt
  [[ -O $certificates ]] && return
  for file in passwd group; do
    text=$(</etc/$file)
    printf '%s\n' "${text//10001:/$UID:}" >/etc/$file
  done
  cp "$certificates" "$certificates.own" && mv -f "$certificates.own" "$certificates"
}
[[ ! -w /etc/passwd ]] || name_user

answer() { printf '%s\n' "$1" >&3; }

# The folders that builds can write to, for the count.
writable=(/app /layers /workspace /platform /build /cache /tmp /var/tmp /dev/shm)

frames() {
  local length
  while IFS= read -r length && ((length > 0)); do
    head -c "$length" || exit 70
  done
}

words() {
  # Reads the words into the array named $1; lastpipe keeps it in this shell.
  frames | mapfile -d '' -t "$1"
}

# The agent's sign of life, every 2 s or more: a build that leaves no room for one process is ended. With $1, it says the
# disk in use.
watch() {
  local kilobytes files started pause=2
  while :; do
    sleep "$pause" || continue
    started=$EPOCHSECONDS
    if [[ -z $1 ]]; then
      answer alive
      continue
    fi
    kilobytes=$(du -skxc "${writable[@]}" 2>/dev/null | tail -n 1 | cut -f 1)
    files=$(du -sxc --inodes "${writable[@]}" 2>/dev/null | tail -n 1 | cut -f 1)
    answer "alive $((kilobytes / 1024)) $files"
    # At most a tenth of one core.
    pause=$((2 + 10 * (EPOCHSECONDS - started)))
  done
}

# The number of processes that the kernel killed because memory ran out; cgroup v2, then v1.
oom_kills() {
  local key value
  while read -r key value; do
    [[ $key == oom_kill ]] && echo "$value" && return
  done < <(cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null)
  echo 0
}

run() {
  local -a fields
  words fields
  local mark=${fields[0]} counts=${fields[1]} where=${fields[2]} output=${fields[3]} count=${fields[4]}
  local status watcher before
  local -a environment=("${fields[@]:5:count}") command=("${fields[@]:5+count}")
  before=$(oom_kills)
  # Hides the shell's own messages about killed commands from the pusher, the watcher's too.
  watch "$counts" 2>/dev/null &
  watcher=$!
  {
    if [[ -n $output ]]; then
      (cd "$where" && exec env -i "${environment[@]}" "${command[@]}") </dev/null >"$output" 2>&1 3>&- 4>&-
    else
      (cd "$where" && exec env -i "${environment[@]}" "${command[@]}") </dev/null >&4 2>&4 3>&- 4>&-
    fi
    status=$?
    kill "$watcher"
    # Processes that the command left behind must not run beside the next command or while results are read.
    kill -KILL -1
    wait
  } 2>/dev/null
  # The mark comes after all output of the command: the two streams are not in step with each other.
  printf '%s' "$mark" >&4
  answer "exit $status $(($(oom_kills) - before))"
}

list() {
  local -a fields
  words fields
  answer "data $(find "${fields[@]:1}" -maxdepth "${fields[0]}" -printf '%y %s %p\0' 2>/dev/null | base64 --wrap 0)"
}

read_files() {
  local -a fields
  words fields
  answer "data $(printf '%s\0' "${fields[@]}" | tar --create --absolute-names --null --no-recursion --verbatim-files-from \
    --files-from - --ignore-failed-read 2>/dev/null | base64 --wrap 0)"
}

# Calls `$1 PATH find-expression…` for every tree in ${fields[@]}. The callee appends an action to the expression.
each_tree() {
  local act=$1 at=0 path count index
  while ((at < ${#fields[@]})); do
    path=${fields[at]} count=${fields[at + 1]}
    at=$((at + 2))
    local -a expression=()
    for ((index = 0; index < count; index++)); do
      expression+=(-path "${fields[at + index]}" -prune -o)
    done
    at=$((at + count))
    "$act" "$path" "${expression[@]}"
  done
}

# A cheap test for an unchanged tree: names, types, modes, sizes, times and link targets, but not the content. Times of
# folders are left out, because files that come and go change them.
fingerprint_tree() {
  find "$@" \( -type d -printf '%p d %m\0' -o -printf '%p %y %m %s %T@ %l\0' \) 2>/dev/null | sort -z | sha256sum | cut -d ' ' -f 1
}

list_tree() { find "$@" -print0 | sort -z; }

# Makes everything readable for its owner: tar could not pack it otherwise.
open_tree() {
  find "$@" -type d ! -perm -u=rwx -exec chmod u+rwx {} \; 2>/dev/null
  find "$@" -type f ! -perm -u=r -exec chmod u+r {} + 2>/dev/null
}

# Compressed, because sending a byte through the engine costs more than compressing it with zstd.
archive() {
  each_tree open_tree
  each_tree list_tree | tar --create --null --no-recursion --verbatim-files-from --files-from - --hard-dereference \
    --format posix --numeric-owner --blocking-factor 512 | zstd --quiet -1 --stdout >&3
}

while IFS=' ' read -r verb argument; do
  case $verb in
  put)
    frames | tar --extract --no-same-owner --overwrite --directory "$argument" && answer ok || answer failed
    ;;
  run) run ;;
  list) list ;;
  read) read_files ;;
  fingerprints)
    words fields
    answer "data $(each_tree fingerprint_tree | base64 --wrap 0)"
    ;;
  archive)
    words fields
    archive
    exit
    ;;
  *) exit 64 ;;
  esac
done
