# Keeps node_modules for the next build, if that is certain to get the same. The layer `modules` holds: `key`, what
# node_modules was made from, one input a line; `again`, why it must be made again; `node_modules`, if nothing does.

# NODE_MODULES_CACHE is Heroku's name.
drop_cache_if_asked() {
  without_cache=no
  [[ ${NODE_MODULES_CACHE:-true} == [Ff][Aa][Ll][Ss][Ee] ]] || return 0
  without_cache=yes
  rm -rf "${layers_dir:?}"/{modules,npm-cache,next-cache}{,.toml}
  step 'Building without the cache, because NODE_MODULES_CACHE is false'
}

digest_of() { sha256sum | cut -d ' ' -f 1; }

# Each line begins with the name that a pusher reads. The config vars and all other variables count together. They are in a
# file of the app's own volume and not in the description of the layer, which is recorded elsewhere.
modules_key() {
  local file name
  for file in "$lock_file" package.json .npmrc; do
    [[ -f $file ]] && printf '%s\t%s\n' "$file" "$(digest_of <"$file")"
  done
  printf '%s\t%s\n' 'Node.js' "$node_version" npm "$npm_version" 'the choice of dependencies' "$1" \
    'the stack' "${CNB_STACK_ID:-} ${CNB_TARGET_ARCH:-}"
  for name in npm_config_userconfig NPM_CONFIG_USERCONFIG npm_config_globalconfig NPM_CONFIG_GLOBALCONFIG; do
    [[ -z ${!name:-} || ! -f ${!name} ]] || printf '%s\t%s\n' "${!name}" "$(digest_of <"${!name}")"
  done
  printf '%s\t%s\n' 'the environment of the build' "$(env --null | LC_ALL=C sort --zero-terminated | digest_of)"
}

# Whether node_modules of an earlier build was restored. Says why not.
restore_modules() {
  local layer=$layers_dir/modules changed
  [[ -n $lock_file && -f $layer/key ]] || return 1
  modules_key "$1" >"$work/modules-key"
  changed=$({ LC_ALL=C diff "$layer/key" "$work/modules-key" || true; } | sed -n 's/^[<>] \([^\t]*\)\t.*/\1/p' | sed -n 1p)
  if [[ -n $changed ]]; then
    detail "Installing again: $changed has changed"
    return 1
  fi
  if [[ -f $layer/again ]]; then
    detail "Installing again: $(<"$layer/again")"
    return 1
  fi
  [[ -d $layer/node_modules ]] || return 1
  rm -rf node_modules
  cp --archive "$layer/node_modules" node_modules
  describe_layer modules cache
}

# Why another build must install again, as in "postinstall of esbuild"; empty when it need not.
reason_to_install() {
  local name
  [[ -z $(script heroku-prebuild) ]] || reason='heroku-prebuild of your package.json'
  for name in "${own_lifecycle[@]}"; do
    [[ -z $(script "$name") ]] || ignores_scripts || reason="$name of your package.json"
  done
  [[ ! -f binding.gyp ]] || reason='node-gyp of your package.json'
  : "${reason:=${source_scripts[0]:-$installed_script}}"
  [[ -n $reason || $has_own_packages == no ]] || reason='packages of your own source'
}

# Runs directly after npm ci, before a script of the app can write into node_modules. The copy pays only for an app with a
# build script, because only such an app builds again with the same inputs.
keep_modules() {
  local layer=$layers_dir/modules reason=''
  # The description is removed first, so that an unfinished copy is never used.
  rm -rf "$layer.toml" "$layer"
  ((${#build_scripts[@]} + ${#source_scripts[@]} > 0)) || [[ -n $installed_script ]] || return 0
  reason_to_install
  [[ -d node_modules || -n $reason ]] || return 0
  mkdir -p "$layer"
  if [[ -n $reason ]]; then
    printf '%s' "$reason" >"$layer/again"
  else
    cp --archive node_modules "$layer/node_modules"
  fi
  modules_key "$1" >"$layer/key"
  describe_layer modules cache
}
