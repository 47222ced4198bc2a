# Explains to the pusher why a script failed that npm ran while it installed. Such a script may do anything, so what it prints
# about addresses is not about the npm registry. npm prints its folder and its command, and after that what it printed.

# Ends the build if a script failed. npm's docs, "scripts"; @npmcli/promise-spawn and lib/utils/error-message.js of npm 7 to 12.
explain_script_failure() {
  local command folder owner host missing
  local -a lines
  command=$(npm_says 'command (sh|bash|/[^ ]*) -c ')
  [[ -n $command ]] || return 0
  folder=$(npm_says 'path ')
  case $folder in
  "$app_dir") owner='your package.json' ;;
  */node_modules/*) owner=${folder##*/node_modules/} ;;
  *) owner=${folder#"$app_dir/"} ;;
  esac
  host=$(unreachable_host)
  missing=$(missing_on_the_stack)
  if grep -q 'gyp ERR!' "$work/npm.log"; then
    lines=("The native module of $owner did not compile (above).")
    if grep -q "No module named 'distutils'" "$work/npm.log"; then
      lines+=('Its node-gyp is older than version 10 and fails with the Python of the stack. In package.json:' \
        '"overrides": { "node-gyp": "^11.0.0" }, then npm install, and commit.')
    elif [[ -z $missing ]]; then
      lines+=("It may not support Node.js $node_version, or need a system library that the stack lacks.")
    fi
    [[ -z $host ]] || lines+=("A compiled one could not be fetched, because the builds cannot reach $host.")
  else
    lines=("An install script of $owner failed (above). It runs: $command")
    [[ -z $host ]] || lines+=("It asks $host, which the builds cannot reach: see that this machine reaches it.")
  fi
  ! grep -q 'heap out of memory' "$work/npm.log" || lines+=('It ran out of memory: builds have 2 GB.')
  [[ -z $missing ]] || lines+=("It did not find $missing. What the stack lacks, a Dockerfile can install.")
  fail "${lines[@]}"
}

# The rest of the first line of npm's that begins so.
npm_says() { sed -nE "s#^npm (error|ERR!) $1##p" "$work/npm.log" | sed -n 1p; }

# The first host that a script could not reach.
unreachable_host() {
  sed -nE -e 's#.*request to https?://([^/ @]*@)?([^/ ]+)[^ ]* failed, reason:.*#\2#p' \
    -e 's#.*(ENOTFOUND|EAI_AGAIN|[Cc]ould not resolve host(name)?:?) ([A-Za-z0-9.-]+).*#\3#p' "$work/npm.log" | sed -n 1p
}

# The first library, header or program that a script did not find.
missing_on_the_stack() {
  sed -nE -e 's/.*Package ([^ ]+) was not found in the pkg-config search path.*/\1/p' \
    -e 's/.*fatal error: ([^ ]+\.h(pp)?): No such file or directory.*/\1/p' \
    -e 's/.*CMake executable is not found.*/cmake/p' "$work/npm.log" | sed -n 1p
}
