# How the app is started when its Procfile has no web.

# A TOML basic string.
toml_string() { jq -n --arg text "$1" '$text'; }

# The start script runs without npm, which would cost 60 MB and half a second in every instance. bash runs the script as
# npm would in sh, with the environment variables that npm promises. bash replaces itself by the last command, so the app
# receives SIGTERM itself. A script that needs npm is started with npm.
start_needs_npm() {
  [[ -n $(script prestart) || -n $(script poststart) || $(script start) == *npm_* ]]
}

describe_npm_environment() {
  local layer=$layers_dir/start environment=$layers_dir/start/env.launch/web
  rm -rf "$layer"
  mkdir -p "$environment"
  printf start >"$environment/npm_lifecycle_event.default"
  script start | tr -d '\n' >"$environment/npm_lifecycle_script.default"
  printf '%s' "$app_dir/package.json" >"$environment/npm_package_json.default"
  printf '%s' "$(package_json '.name | strings')" >"$environment/npm_package_name.default"
  printf '%s' "$(package_json '.version | strings')" >"$environment/npm_package_version.default"
  printf '%s' "$layers_dir/node/bin/node" >"$environment/npm_node_execpath.default"
  printf '%s' "$npm_program" >"$environment/npm_execpath.default"
  printf '%s' "$app_dir" >"$environment/INIT_CWD.default"
  # First in PATH here, unlike for other commands: a script means the app's own tools.
  printf '%s' "$app_dir/node_modules/.bin" >"$environment/PATH.prepend"
  printf ':' >"$environment/PATH.delim"
  describe_layer start launch
}

# The platform reads the Procfile (src/domain/procfile.ts) and has refused a wrong one. A byte order mark may begin it.
procfile_has() { [[ -f Procfile ]] && tr '\r' '\n' <Procfile | LC_ALL=C grep -Eq $'^(\xef\xbb\xbf)?([[:space:]]|\xc2\xa0)*'"$1"; }
procfile_has_web() { procfile_has 'web([[:space:]]|'$'\xc2\xa0'')*:'; }
procfile_has_any() { procfile_has '[A-Za-z0-9]'; }

# Sets web_command to argv, or leaves it empty.
default_web() {
  local main file
  web_command=()
  procfile_has_web && return
  if [[ -n $(script start) ]]; then
    if start_needs_npm; then
      web_command=(npm start)
    else
      web_command=(bash -c "$(script start)")
      describe_npm_environment
    fi
    return
  fi
  main=$(package_json '.main | strings')
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
  for file in dist/main.js dist/index.js dist/server.js src/server.js src/index.js src/main.js src/app.js; do
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
