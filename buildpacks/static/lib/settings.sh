# The settings of the site, from static.json (Heroku's), Staticfile (Cloud Foundry's), or by convention.

root='' spa=no clean_urls=no https_only=no error_page='' headers=()

read_settings() {
  if [[ -f static.json ]]; then
    read_static_json
    step "Serving $(root_name) as static.json says"
  elif [[ -f Staticfile ]]; then
    read_staticfile
    step "Serving $(root_name) as Staticfile says"
  else
    [[ ! -f public/index.html ]] || root=public
    step "Serving $(root_name)"
  fi
  [[ $spa == no ]] || detail 'Paths without a file answer with index.html (single-page app)'
  [[ $clean_urls == no ]] || detail 'Paths without .html find their page (clean URLs)'
  [[ $https_only == no ]] || detail 'Plain http is sent to https'
}

root_name() { [[ -n $root ]] && echo "the folder $root" || echo 'all files'; }

static_json() { jq -r "$1" static.json; }

read_static_json() {
  local key value
  jq -e 'type == "object"' static.json >/dev/null 2>&1 || fail 'static.json is not valid JSON.' 'It must hold one object, for example: { "root": "public" }'
  root=$(static_json '.root // "" | strings')
  [[ -n $root || ! -f public_html/index.html ]] || root=public_html
  # A route of all paths to one page means a single-page app.
  [[ $(static_json '(.routes // {}) | to_entries | map(select(.key | test("^/\\*\\*?$"))) | length') == 0 ]] || spa=yes
  [[ $(static_json '.clean_urls // false') != true ]] || clean_urls=yes
  [[ $(static_json '.https_only // false') != true ]] || https_only=yes
  error_page=$(static_json '.error_page // "" | strings')
  while IFS=$'\t' read -r key value; do
    headers+=("$key" "$value")
  done < <(static_json '(.headers // {}) | to_entries[] | select(.key | test("^/\\*\\*?$")) | .value | to_entries[] | "\(.key)\t\(.value | tostring)"')
  for key in proxies canonical_host basic_auth; do
    [[ $(static_json "has(\"$key\")") == false ]] || warn "static.json has $key, which is not served here."
  done
  [[ $(static_json '(.routes // {}) | keys | map(select(test("^/\\*\\*?$") | not)) | length') == 0 ]] ||
    warn 'static.json has routes for single paths, which are not served here; only "/**" is.'
}

# Reads lines of `key: value`, the only part of YAML that this file uses.
read_staticfile() {
  local line key value
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    [[ -n ${line//[[:space:]]/} && $line != '#'* ]] || continue
    key=${line%%:*} value=${line#*:}
    value=${value#"${value%%[![:space:]]*}"}
    case $key in
    root) root=$value ;;
    pushstate) [[ $value != enabled ]] || spa=yes ;;
    force_https) [[ $value != true && $value != enabled ]] || https_only=yes ;;
    *) warn "Staticfile has $key, which is not served here." ;;
    esac
  done <Staticfile
}

check_root() {
  root=${root%/} root=${root#./}
  [[ $root != . ]] || root=''
  case /$root/ in
  */../* | //?*) fail "The root \"$root\" is not a folder of the app." ;;
  esac
  [[ $root =~ ^[A-Za-z0-9._/@-]*$ ]] || fail "The root \"$root\" has characters that a folder to be served may not have." 'Letters, digits and . _ - @ / may be in it.'
  [[ -d ./$root ]] || fail "There is no folder $root in the source." 'If a build makes it, add a package.json with a build script, or commit the folder.'
  [[ -f ./$root/index.html ]] || warn "There is no index.html in $(root_name): / will answer 404."
}

# Refuses what nginx would read as a variable or an escape. Runs before anything is written.
check_settings() {
  local index value
  check_root
  for value in "$error_page" "${headers[@]}"; do
    [[ $value != *[\$\\]* && $value != *$'\n'* ]] ||
      fail "The value \"$value\" in static.json has a character that cannot be served (\$, \\ or a line end)."
  done
  for ((index = 0; index < ${#headers[@]}; index += 2)); do
    [[ ${headers[index]} =~ ^[A-Za-z0-9-]+$ ]] || fail "\"${headers[index]}\" in static.json is not the name of a header."
  done
}
