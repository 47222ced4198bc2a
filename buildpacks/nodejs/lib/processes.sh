# How the app is started when its Procfile has no web.

# A TOML basic string.
toml_string() { jq -n --arg text "$1" '$text'; }

# The start script runs without npm, which would cost 60 MB and half a second in every instance. bash runs the script as
# npm would in sh, with the environment variables that npm promises. bash replaces itself by the last command, so the app
# receives SIGTERM itself. A script that needs npm is started with npm.
start_needs_npm() {
  [[ -n $(script prestart) || -n $(script poststart) || $(script start) == *npm_* ]]
}

# describe_npm_environment SCRIPT: the environment in which npm would run the script. Some of it is left out:
# npm_config_noproxy, which is empty and would hide NO_PROXY; the settings of .npmrc, which only npm reads; and of PATH the
# folders of node-gyp and of /node_modules.
describe_npm_environment() {
  local layer=$layers_dir/start environment=$layers_dir/start/env.launch/web name value node prefix npm
  node=$(readlink -f "$layers_dir/node/bin/node")
  prefix=${node%/bin/node} npm=${npm_program%/bin/npm-cli.js}
  rm -rf "$layer"
  mkdir -p "$environment"
  while IFS= read -r -d '' name && IFS= read -r -d '' value; do
    printf '%s' "$value" >"$environment/$name.default"
  done < <(
    jq_library -j 'include "package-json"; script_environment | "\(.[0])\u0000\(.[1])\u0000"' "$checked_package"
    printf '%s\0' COLOR 0 EDITOR vi INIT_CWD "$app_dir" NODE "$node" npm_command start npm_execpath "$npm_program" \
      npm_node_execpath "$node" npm_package_json "$app_dir/package.json" \
      npm_lifecycle_event start npm_lifecycle_script "$1" \
      npm_config_cache "$app_dir/.npm" npm_config_userconfig "$app_dir/.npmrc" \
      npm_config_init_module "$app_dir/.npm-init.js" npm_config_local_prefix "$app_dir" \
      npm_config_prefix "$prefix" npm_config_global_prefix "$prefix" npm_config_globalconfig "$prefix/etc/npmrc" \
      npm_config_node_gyp "$npm/node_modules/node-gyp/bin/node-gyp.js" npm_config_npm_version "$npm_version" \
      npm_config_user_agent "npm/$npm_version node/v$node_version linux $(npm_architecture) workspaces/false"
    # From npm 12 on.
    if grep -qs "'global-ignore-file'" "$npm/node_modules/@npmcli/config/lib/definitions/definitions.js"; then
      printf '%s\0' npm_config_global_ignore_file "$prefix/etc/npmignore"
    fi
  )
  # First in PATH here, unlike for other commands: a script means the app's own tools.
  printf '%s' "$app_dir/node_modules/.bin" >"$environment/PATH.prepend"
  printf ':' >"$environment/PATH.delim"
  describe_layer start launch
}

# The processor type in Node's words.
npm_architecture() { case $(uname -m) in x86_64) echo x64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac; }

# The platform reads the Procfile (src/domain/procfile.ts) and has refused a wrong one. A byte order mark may begin it.
procfile_has() { [[ -f Procfile ]] && tr '\r' '\n' <Procfile | LC_ALL=C grep -Eq $'^(\xef\xbb\xbf)?([[:space:]]|\xc2\xa0)*'"$1"; }
procfile_has_web() { procfile_has 'web([[:space:]]|'$'\xc2\xa0'')*:'; }
procfile_has_any() { procfile_has '[A-Za-z0-9]'; }

# Sets web_command to argv, or leaves it empty.
default_web() {
  local main file start
  web_command=()
  procfile_has_web && return
  start=$(script start)
  if [[ -n $start ]]; then
    web_command=(bash -c "$start")
  elif [[ -f package.json && -f server.js ]]; then
    # npm's own default.
    start='node server.js' web_command=(node server.js)
  fi
  if [[ -n $start ]]; then
    if start_needs_npm; then web_command=(npm start); else describe_npm_environment "$start"; fi
    return
  fi
  # `npm init` writes the first script that it finds; the file of a build tool starts nothing (src/builder/package-facts.ts).
  main=$(package_json '.main | strings | select(test("(?:^|/)(?:gulpfile|gruntfile|webpack|[^/]*\\.(?:config|conf))(?:\\.[^/]*)?$"; "i") | not)')
  for file in {server,index}.{js,mjs,cjs} ${main:+"$main" "$main.js" "$main/index.js"} {app,main}.{js,mjs,cjs}; do
    [[ -n $file && -f $file ]] || continue
    web_command=(node "$file")
    return
  done
  procfile_has_any || pages_are_served || warn_about_start
}

# Whether the static buildpack comes next and serves the pages that the build made (its bin/detect).
pages_are_served() {
  local plan=${CNB_BP_PLAN_PATH:-}
  [[ -f $plan ]] && grep -q '^pages = true' "$plan"
}

warn_about_start() {
  local file folder
  warn 'package.json has no start script, and there is no server.js, index.js, app.js or main.js.'
  for folder in dist build out; do
    [[ -f $folder/index.html ]] || continue
    warn "The build made pages, in $folder. A server for them: npm install serve, and in package.json" \
      "\"scripts\": { \"start\": \"serve --single $folder\" }"
    return
  done
  for file in .output/server/index.mjs build/index.js dist/server/entry.mjs dist/main.js dist/index.js dist/server.js src/server.js src/index.js src/main.js src/app.js; do
    [[ -f $file ]] || continue
    warn "If $file starts it, say so in package.json: \"scripts\": { \"start\": \"node $file\" }"
    return
  done
}

write_launch() {
  local word separator=''
  default_web
  {
    if ((${#web_command[@]} > 0)); then
      echo '[[processes]]'
      echo 'type = "web"'
      printf 'command = ['
      for word in "${web_command[@]}"; do
        printf '%s%s' "$separator" "$(toml_string "$word")"
        separator=', '
      done
      echo ']'
      echo 'default = true'
      echo
    fi
    # node_modules changes seldom, so it gets its own layer.
    echo '[[slices]]'
    echo 'paths = ["node_modules"]'
  } >"$layers_dir/launch.toml"
}

# Writes whether the same inputs (buildpack.toml) make the same layers again. They do not when a script ran in the build,
# when there is no lock file, when packages of the app's own source are copied, or when the app wants no cache.
write_store() {
  local inputs_only=true
  ((${#build_scripts[@]} + ${#source_scripts[@]} == 0)) && [[ -z $installed_script ]] || inputs_only=false
  [[ -n $lock_file || ! -d node_modules ]] || inputs_only=false
  [[ -z $lock_file ]] || ! grep -Eq '"(resolved|version)": ?"file:' "$lock_file" || inputs_only=false
  [[ $without_cache == no ]] || inputs_only=false
  printf '[metadata.paas]\ninputs-only = %s\n' "$inputs_only" >"$layers_dir/store.toml"
}
