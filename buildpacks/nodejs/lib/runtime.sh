# Node.js and npm, a layer each: both change seldom, and equal versions make equal layers in every app.

# The value of a key in a layer's metadata, as the last build left it; empty when there is none.
layer_metadata() {
  local layer=$1 key=$2
  [[ -f $layers_dir/$layer.toml ]] || return 0
  sed -n "s/^$key = \"\(.*\)\"\$/\1/p" "$layers_dir/$layer.toml"
}

# describe_layer NAME TYPES [KEY VALUE]…: TYPES of launch, build, cache.
describe_layer() {
  local layer=$1 types=$2 type
  shift 2
  {
    echo '[types]'
    for type in $types; do echo "$type = true"; done
    echo
    echo '[metadata]'
    while (($# >= 2)); do
      echo "$1 = \"$2\""
      shift 2
    done
  } >"$layers_dir/$layer.toml"
}

# Fetches a package of the npm registry and leaves the named members of its tarball in DIRECTORY, checked.
fetch_package() {
  local url=$1 integrity=$2 directory=$3 archive
  shift 3
  archive=$(mktemp "$work/package.XXXXXX")
  download "$url" "$archive" || fail "${url##*/} could not be fetched from the npm registry." 'That is not about your source: push again in a minute.'
  # Both read the whole file, and unpacking takes a core for a second: side by side.
  mkdir -p "$directory"
  tar --extract --gzip --file "$archive" --directory "$directory" --strip-components 1 --no-same-owner "$@" &
  local unpacking=$! actual
  actual=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 --wrap 0)
  wait "$unpacking" || fail "${url##*/} could not be unpacked."
  # An integrity may list several digests.
  [[ " $integrity " == *" $actual "* ]] || fail "${url##*/} is not what the npm registry says it is: its SHA-512 differs."
  rm -f "$archive"
}

install_node() {
  local layer=$layers_dir/node
  if [[ $(layer_metadata node version) == "$node_version" && -x $layer/bin/node ]]; then
    node_note="Using Node.js $node_version from the cache"
  else
    rm -rf "$layer"
    fetch_package "$node_url" "$node_integrity" "$layer" package/bin/node package/LICENSE
    node_note="Installed Node.js $node_version"
  fi
  # NODE_ENV for every process; a config var of that name wins.
  mkdir -p "$layer/env.launch"
  printf production >"$layer/env.launch/NODE_ENV.default"
  mkdir -p "$layer/profile.d"
  cp "$buildpack_dir/lib/web-concurrency.sh" "$layer/profile.d/web-concurrency.sh"
  # The app's own commands (node_modules/.bin) by name, as on Heroku.
  printf '%s' "$app_dir/node_modules/.bin" >"$layer/env.launch/PATH.append"
  printf ':' >"$layer/env.launch/PATH.delim"
  describe_layer node 'launch build cache' version "$node_version"
}

install_npm() {
  local layer=$layers_dir/npm
  if [[ $(layer_metadata npm version) == "$npm_version" && -e $layer/bin/npm ]]; then
    npm_note="Using npm $npm_version from the cache"
  else
    rm -rf "$layer"
    fetch_package "$npm_url" "$npm_integrity" "$layer/node_modules/npm" --exclude package/docs --exclude package/man
    mkdir -p "$layer/bin"
    ln -s ../node_modules/npm/bin/npm-cli.js "$layer/bin/npm"
    ln -s ../node_modules/npm/bin/npx-cli.js "$layer/bin/npx"
    chmod +x "$layer/node_modules/npm/bin/"*.js
    npm_note="Installed npm $npm_version"
  fi
  describe_layer npm 'launch build cache' version "$npm_version"
}

# Headers for native modules, 67 MB: only for who compiles one. They come out of the same package as the program.
install_headers() {
  local layer=$layers_dir/headers
  if [[ $(layer_metadata headers version) != "$node_version" || ! -d $layer/include/node ]]; then
    rm -rf "$layer"
    fetch_package "$node_url" "$node_integrity" "$layer" package/include
  fi
  describe_layer headers 'cache' version "$node_version"
  export npm_config_nodedir=$layer
}

install_runtime() {
  local node_file=$work/node.note npm_file=$work/npm.note
  # One waits for the network while the other unpacks.
  (install_node && echo "$node_note" >"$node_file") &
  local node_job=$!
  (install_npm && echo "$npm_note" >"$npm_file") &
  local npm_job=$!
  wait "$node_job" || exit 1
  wait "$npm_job" || exit 1
  step "$(cat "$node_file")"
  step "$(cat "$npm_file")"
  export PATH=$layers_dir/npm/bin:$layers_dir/node/bin:$PATH
}
