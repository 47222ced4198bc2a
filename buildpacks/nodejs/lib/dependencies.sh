# Installs node_modules with npm.

check_lock_files() {
  local file manager
  local -a found=() foreign=()
  for file in package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb; do
    [[ -f $file ]] || continue
    found+=("$file")
    [[ $file == package-lock.json || $file == npm-shrinkwrap.json ]] || foreign+=("$file")
  done
  if ((${#foreign[@]} > 0 && ${#found[@]} > ${#foreign[@]})) || ((${#foreign[@]} > 1)); then
    fail "Two package managers have a lock file here: ${found[*]}." \
      'Only one of them can be right about which versions to install.' \
      "Keep the one that you use and delete the other, for example: git rm ${foreign[0]}"
  fi
  manager=$(package_json '.packageManager | strings | sub("@.*"; "")')
  if ((${#foreign[@]} > 0)) || [[ -n $manager && $manager != npm ]]; then
    fail "This app uses ${manager:-${foreign[0]}}, and this buildpack speaks npm so far." \
      'Switch the app to npm: delete the lock file, run npm install, commit package-lock.json.' \
      'Or bring a Dockerfile, which may use any package manager.'
  fi
  if [[ -f npm-shrinkwrap.json ]]; then
    lock_file=npm-shrinkwrap.json
  elif [[ -f package-lock.json ]]; then
    lock_file=package-lock.json
  else
    lock_file=''
  fi
  check_lock_file
}

# npm takes out the marks of a merge conflict itself.
check_lock_file() {
  local hint='Make it again: delete it, run npm install, commit.' found
  [[ -n $lock_file ]] && ! grep -q '^<<<<<<< ' "$lock_file" || return 0
  must_be_json_object "$lock_file" "$hint"
  found=$(jq -r '[.packages, .dependencies | values | type] | map(select(. != "object"))[0] // ""' "$lock_file")
  [[ -z $found ]] || fail "$lock_file lists its packages in a value of type $found, and must have an object there." "$hint"
}

# Finds the app's own scripts that npm or this buildpack runs during a build. With such a script, anything may decide the
# result; without any script, only package.json, the lock file and the settings do.
find_build_scripts() {
  local name
  build_scripts=()
  for name in "${own_lifecycle[@]}" heroku-prebuild build heroku-postbuild heroku-cleanup; do
    [[ -z $(script "$name") ]] || build_scripts+=("$name")
  done
  # npm runs node-gyp for an app with this file, even without a script.
  [[ ! -f binding.gyp ]] || build_scripts+=(node-gyp)
}

run_script() {
  local name=$1
  step "Running $name"
  run_logged npm run --silent "$name" || fail "The script $name of package.json failed." "It runs: $(script "$name")"
}

# Runs a command, indents its output and keeps it for explain_npm_failure. Leaves out npm's own usage text and the name of
# a log that is removed with the build.
run_logged() {
  local status=0
  show_compiling &
  local compiling=$!
  log_of "$@" || status=$?
  kill "$compiling" && wait "$compiling" 2>/dev/null || true
  return "$status"
}

log_of() {
  "$@" 2>&1 | tee "$work/npm.log" | sed -u \
    -e '/^npm error Clean install a project/,/^npm error Run "npm help/d' \
    -e '/^npm error A complete log of this run can be found in/d' \
    -e '/^npm warn Unknown env config "nodedir"/Id' \
    -e 's/^/       /'
}

# npm hides what install scripts print, and a compiler may take longer than a build may be silent.
show_compiling() {
  local started=$SECONDS clock
  exec {clock}<> <(:)
  while true; do
    read -rt "${compiling_interval:-60}" -u "$clock" || true
    if cat /proc/[0-9]*/comm 2>/dev/null | grep -Eqx 'cc1(plus)?|lto1|ld(\.[a-z]+)?|clang.*|rustc'; then
      detail "Compiling a native module, for $((SECONDS - started)) s so far"
    fi
  done
}

keeps_dev_dependencies() {
  [[ ${NODE_ENV:-production} != production || ${NPM_CONFIG_PRODUCTION:-} == false || ${npm_config_production:-} == false ]]
}

has_dependencies() {
  [[ -n $(package_json '(.dependencies // {}) + (.devDependencies // {}) + (.optionalDependencies // {}) | keys[]?') ]]
}

# A script of the app or of its own packages may need a dev dependency, so they are installed for it and removed afterwards.
choose_dependencies() {
  dependencies=(--include=dev) prunes=no
  keeps_dev_dependencies && return
  if ((${#build_scripts[@]} + ${#source_scripts[@]} > 0)); then prunes=yes; else dependencies=(--omit=dev); fi
}

install_dependencies() {
  installed_script='' source_scripts=() has_own_packages=no prunes=no
  [[ -f package.json ]] || return 0
  drop_cache_if_asked
  choose_registry
  find_source_scripts
  if [[ -z $lock_file && $has_own_packages == no ]] && ! has_dependencies && ((${#build_scripts[@]} == 0)); then
    detail 'No dependencies.'
    return
  fi
  export npm_config_cache=$layers_dir/npm-cache npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
  export npm_config_progress=false NODE_ENV=${NODE_ENV:-production}
  # The cache only grows, and the build's disk limit includes it.
  if [[ -d $npm_config_cache && $(du -sm "$npm_config_cache" | cut -f 1) -gt 512 ]]; then rm -rf "$npm_config_cache"; fi
  mkdir -p "$npm_config_cache"
  describe_layer npm-cache 'cache'

  choose_dependencies
  [[ -z $(script heroku-prebuild) ]] || run_script heroku-prebuild

  if restore_modules "${dependencies[*]}"; then
    step "Using node_modules from the cache ($lock_file has not changed, and nothing runs an install script)"
  elif [[ -n $lock_file ]]; then
    if [[ -d node_modules ]]; then
      warn 'node_modules is in your repository: it is replaced by what the lock file says.' 'Take it out: git rm -r --cached node_modules, and add node_modules to .gitignore.'
    fi
    step "Installing dependencies with npm ci ${dependencies[*]}"
    run_logged npm ci --prefer-offline "${dependencies[@]}" || explain_npm_failure
    find_installed_script "${dependencies[*]}"
    keep_modules "${dependencies[*]}"
  else
    if has_dependencies; then
      warn 'There is no package-lock.json: other versions of your dependencies may be installed by every build.' 'Make one with npm install, and commit it.'
    fi
    step "Installing dependencies with npm install ${dependencies[*]}"
    run_logged npm install --no-save "${dependencies[@]}" || explain_npm_failure
  fi
}

run_build() {
  restore_next_cache
  if [[ -n $(script heroku-postbuild) ]]; then
    run_script heroku-postbuild
  elif [[ -n $(script build) ]]; then
    run_script build
  fi
  keep_next_cache
}

# The compiler cache of Next.js, for its next build: tens of megabytes that no image needs.
restore_next_cache() {
  [[ -d $layers_dir/next-cache/cache && ! -e .next ]] || return 0
  mkdir .next
  mv "$layers_dir/next-cache/cache" .next/cache
}

keep_next_cache() {
  [[ -d .next/cache ]] || return 0
  rm -rf "$layers_dir/next-cache"
  mkdir -p "$layers_dir/next-cache"
  if [[ $(du -sm .next/cache | cut -f 1) -le 512 ]]; then mv .next/cache "$layers_dir/next-cache/cache"; fi
  rm -rf .next/cache
  describe_layer next-cache 'cache'
}

# Finds the programs that exist only during the build.
find_dev_programs() {
  dev_programs=$(package_json '.devDependencies // {} | keys[]?')
  [[ ! -d node_modules/.bin ]] || dev_programs+=$'\n'$(ls node_modules/.bin)
}

# A start script that names such a program would end with "command not found" at run.
warn_about_dev_programs() {
  local word
  local -a words
  procfile_has_web && return
  read -r -d '' -a words < <(script start) || true
  for word in "${words[@]}"; do
    if grep -Fqx -e "$word" <<<"$dev_programs" && [[ ! -e node_modules/.bin/$word && ! -e node_modules/$word ]]; then
      warn "The start script runs $word, which is only there in the build: it comes with a dev dependency." \
        'Move that to dependencies, or start without it, for example: node dist/main.js'
      return
    fi
  done
}

prune() {
  find_dev_programs
  if [[ -d node_modules && $prunes == yes ]]; then
    step 'Removing dev dependencies'
    run_logged npm prune --omit=dev --ignore-scripts || explain_npm_failure
  fi
  warn_about_dev_programs
  [[ -z $(script heroku-cleanup) ]] || run_script heroku-cleanup
  rm -rf node_modules/.cache
}
