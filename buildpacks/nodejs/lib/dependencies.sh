# Installs node_modules with npm.

# The value of package.json that the jq filter names; empty when there is none.
package_json() {
  [[ -f package.json ]] || return 0
  jq -r "($1) // \"\"" package.json
}

script() { package_json ".scripts[\"$1\"]? | strings"; }

check_package_json() {
  local problem
  [[ -f package.json ]] || return 0
  if ! problem=$(jq -e 'type == "object"' package.json 2>&1 >/dev/null); then
    problem=${problem#jq: }
    fail "package.json is not valid JSON: ${problem:-it holds no object}." 'Check it with: npm pkg get name'
  fi
}

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
}

# Finds the app's own scripts that npm or this buildpack runs during a build. With such a script, anything may decide the
# result; without one, only package.json, the lock file and the settings do.
find_build_scripts() {
  local name
  build_scripts=()
  for name in preinstall install postinstall prepublish preprepare prepare postprepare \
    heroku-prebuild build heroku-postbuild heroku-cleanup; do
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
  "$@" 2>&1 | tee "$work/npm.log" | sed -u \
    -e '/^npm error Clean install a project/,/^npm error Run "npm help/d' \
    -e '/^npm error A complete log of this run can be found in/d' \
    -e 's/^/       /'
}

keeps_dev_dependencies() {
  [[ ${NODE_ENV:-production} != production || ${NPM_CONFIG_PRODUCTION:-} == false ]]
}

has_dependencies() {
  [[ -n $(package_json '(.dependencies // {}) + (.devDependencies // {}) + (.optionalDependencies // {}) | keys[]?') ]]
}

install_dependencies() {
  [[ -f package.json ]] || return 0
  if [[ -z $lock_file ]] && ! has_dependencies && ((${#build_scripts[@]} == 0)); then
    detail 'No dependencies.'
    return
  fi
  export npm_config_cache=$layers_dir/npm-cache npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
  export npm_config_progress=false NODE_ENV=${NODE_ENV:-production}
  # The cache only grows, and the build's disk limit includes it.
  if [[ -d $npm_config_cache && $(du -sm "$npm_config_cache" | cut -f 1) -gt 512 ]]; then rm -rf "$npm_config_cache"; fi
  mkdir -p "$npm_config_cache"
  describe_layer npm-cache 'cache'

  local -a flags=(--include=dev)
  if ((${#build_scripts[@]} == 0)) && ! keeps_dev_dependencies; then flags=(--omit=dev); fi
  [[ -z $(script heroku-prebuild) ]] || run_script heroku-prebuild

  if restore_modules "${flags[*]}"; then
    step "Using node_modules from the cache ($lock_file has not changed)"
    run_own_lifecycle
  elif [[ -n $lock_file ]]; then
    if [[ -d node_modules ]]; then
      warn 'node_modules is in your repository: it is replaced by what the lock file says.' 'Take it out: git rm -r --cached node_modules, and add node_modules to .gitignore.'
    fi
    if needs_headers; then install_headers; fi
    step "Installing dependencies with npm ci ${flags[*]}"
    run_logged npm ci "${flags[@]}" || explain_npm_failure
    keep_modules "${flags[*]}"
  else
    if has_dependencies; then
      warn 'There is no package-lock.json: other versions of your dependencies may be installed by every build.' 'Make one with npm install, and commit it.'
    fi
    if needs_headers; then install_headers; fi
    step "Installing dependencies with npm install ${flags[*]}"
    run_logged npm install --no-save "${flags[@]}" || explain_npm_failure
  fi
}

# A lock file names the packages with install scripts, which may compile.
needs_headers() {
  [[ -f binding.gyp || -z $lock_file ]] || grep -q '"hasInstallScript": true' "$lock_file"
}

modules_key() {
  printf '%s\n' "$(sha256sum "$lock_file" package.json)" "$node_version" "$npm_version" "$1" "${CNB_STACK_ID:-}" "${CNB_TARGET_ARCH:-}" |
    sha256sum | cut -d ' ' -f 1
}

# Keeps the complete node_modules after npm ci, with dev dependencies. The copy pays only for an app with a build script,
# because only such an app builds again with the same lock file.
keep_modules() {
  ((${#build_scripts[@]} > 0)) && [[ -d node_modules ]] && ! has_workspaces || return 0
  # The description is removed first, so that an unfinished copy is never used.
  rm -rf "$layers_dir/modules.toml" "$layers_dir/modules"
  mkdir -p "$layers_dir/modules"
  cp --archive node_modules "$layers_dir/modules/node_modules"
  describe_layer modules 'cache' key "$(modules_key "$1")"
}

# Workspaces have their own node_modules beside their sources, which are not kept.
has_workspaces() { [[ -n $(package_json '.workspaces | values | tostring') ]]; }

restore_modules() {
  local key
  [[ -n $lock_file && -d $layers_dir/modules/node_modules ]] || return 1
  has_workspaces && return 1
  key=$(modules_key "$1")
  [[ $(layer_metadata modules key) == "$key" ]] || return 1
  rm -rf node_modules
  cp --archive "$layers_dir/modules/node_modules" node_modules
  describe_layer modules 'cache' key "$key"
}

# Runs the app's own scripts that npm ci would have run.
run_own_lifecycle() {
  local name
  for name in preinstall install postinstall prepublish preprepare prepare postprepare; do
    [[ -z $(script "$name") ]] || run_script "$name"
  done
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
  if [[ -d node_modules ]] && ((${#build_scripts[@]} > 0)) && ! keeps_dev_dependencies; then
    step 'Removing dev dependencies'
    run_logged npm prune --omit=dev --ignore-scripts || explain_npm_failure
  fi
  warn_about_dev_programs
  [[ -z $(script heroku-cleanup) ]] || run_script heroku-cleanup
  rm -rf node_modules/.cache
}

# Explains npm's error codes and what to do next. Source: npm's docs, "Common errors", and lib/utils/error-message.js.
explain_npm_failure() {
  local log=$work/npm.log
  if grep -q 'npm error code EUSAGE' "$log"; then
    fail "package.json and $lock_file do not belong together." 'Bring them together with npm install, and commit both files.'
  elif grep -q 'npm error code ERESOLVE' "$log"; then
    fail 'The dependencies contradict each other (ERESOLVE above).' 'Find versions that agree with npm install on your machine, and commit both files.'
  elif grep -Eq 'npm error code (E401|E403)' "$log"; then
    fail 'The npm registry asks for a login for one of the packages above.' 'Set the token that your .npmrc names, for example: paas config:set NPM_TOKEN=…'
  elif grep -q 'npm error code E404' "$log"; then
    fail 'One of the packages above does not exist in the npm registry, or is private.' 'For a private package set the token that your .npmrc names: paas config:set NPM_TOKEN=…'
  elif grep -q 'npm error code EBADENGINE' "$log"; then
    fail "A dependency refuses Node.js $node_version (above)." 'Choose another version in "engines" of package.json.'
  elif grep -q 'npm error code EINTEGRITY' "$log"; then
    fail "A package is not the one that $lock_file was made with (EINTEGRITY above)." "Make $lock_file again: delete it, run npm install, commit."
  elif grep -Eq 'npm error code (ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|E5[0-9][0-9])' "$log"; then
    fail 'The npm registry did not answer.' 'That is not about your source: push again in a minute.'
  elif grep -Eq 'gyp ERR!|node-gyp' "$log"; then
    fail 'A native module did not compile (above).' "It may not support Node.js $node_version, or need a system library that the stack lacks."
  elif grep -q 'heap out of memory' "$log"; then
    fail 'npm ran out of memory.' 'Builds have 2 GB.'
  fi
  fail 'npm failed (above).'
}
