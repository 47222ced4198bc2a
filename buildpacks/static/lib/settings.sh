# The settings of the site as JSON (static-json.jq), from static.json (Heroku's), Staticfile (Cloud Foundry's), or by
# convention, and the folder that is served.

settings='' config_vars='' root='' index_page=index.html

read_settings() {
  local found line
  if [[ -f static.json ]]; then
    check_json
    found=$(jq --from-file "$buildpack_dir/lib/static-json.jq" static.json)
  else
    found=$(site_by_convention | jq --from-file "$buildpack_dir/lib/static-json.jq")
  fi
  mapfile -t problems < <(jq -r '.problems[] | "static.json: \(.)"' <<<"$found")
  ((${#problems[@]} == 0)) || fail "${problems[@]}"
  while IFS= read -r line; do warn "$line" 'It is not used.'; done < <(jq -r '.unused[]' <<<"$found")
  settings=$(jq -c .settings <<<"$found")
  config_vars=$(jq -r '.env[]' <<<"$found")
  root=$(jq -r '.settings.root // ""' <<<"$found")
  [[ -n $root ]] || find_root
  check_root
  if ! setting '.error_page != ""' && [[ -f ./${root:+$root/}404.html ]]; then settings=$(jq -c '.error_page = "404.html"' <<<"$settings"); fi
  describe_site
}

check_json() {
  local problem place=''
  problem=$(jq -n '[inputs] | if length == 1 then empty else "no value" end' static.json 2>&1) || true
  [[ -n $problem ]] || return 0
  [[ ! $problem =~ at\ line\ ([0-9]+),\ column\ ([0-9]+) ]] || place="The mistake is at or before line ${BASH_REMATCH[1]}, column ${BASH_REMATCH[2]}."
  fail 'static.json is not valid JSON.' ${place:+"$place"} 'It must hold one object, for example: { "root": "public" }'
}

site_by_convention() { if [[ -f Staticfile ]]; then read_staticfile; else echo '{}'; fi; }

setting() { jq -e "$1" <<<"$settings" >/dev/null; }

describe_site() {
  local source=''
  [[ ! -f Staticfile ]] || source=' as Staticfile says'
  [[ ! -f static.json ]] || source=' as static.json says'
  step "Serving ${root:+the folder }${root:-all files}$source"
  # The path of a route that matches everything.
  ! setting 'any(.routes[]; .regex == "^/.*$" or .regex == "^/[^/]*$")' || detail 'Paths without a file answer with index.html (single-page app)'
  ! setting .clean_urls || detail 'Paths without .html find their page (clean URLs)'
  ! setting .https_only || detail 'Plain http is sent to https'
  ! setting .basic_auth || detail 'Every request needs a user and a password (basic authentication)'
  jq -r '(.redirects | select(length > 0) | "Redirects: \(length)"), (.proxies[] | "\(.prefix)/ goes to \(.origin)")' <<<"$settings" |
    while IFS= read -r line; do detail "$line"; done
  check_pages
}

check_pages() {
  local page
  while IFS= read -r page; do
    [[ -f ./${root:+$root/}$page ]] || warn "static.json names $page, which is not in ${root:-the source}: it will answer 404."
  done < <(jq -r '(.error_page | select(. != "")), (.routes[].path | select(test("\\$") | not) | ltrimstr("/"))' <<<"$settings" | sort -u)
  [[ -f ./${root:+$root/}$index_page ]] || warn "There is no index.html in ${root:-the source}: / will answer 404."
  mapfile -d '' -t links < <("$buildpack_dir/lib/links-out" "$app_dir")
  ((${#links[@]} == 0)) || warn "Links that lead out of the source are not served: $(shown_links)"
}

shown_links() {
  local -a names=("${links[@]#"$app_dir/"}")
  printf '%s' "${names[0]//[[:cntrl:]]/?}"
  ((${#names[@]} == 1)) || printf ' and %s more' "$((${#names[@]} - 1))"
}

# Reads lines of `key: value`, the only part of YAML that this file uses, and writes them as a static.json.
read_staticfile() {
  local line key value json='{}'
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    [[ -n ${line//[[:space:]]/} && $line != '#'* ]] || continue
    key=${line%%:*} value=${line#*:}
    value=${value#"${value%%[![:space:]]*}"}
    case $key in
    root) json=$(jq -c --arg root "$value" '.root = $root' <<<"$json") ;;
    pushstate) [[ $value != enabled ]] || json=$(jq -c '.routes = {"/**": "index.html"}' <<<"$json") ;;
    force_https) [[ $value != true && $value != enabled ]] || json=$(jq -c '.https_only = true' <<<"$json") ;;
    *) warn "Staticfile has $key, which is not served here." >&2 ;;
    esac
  done <Staticfile
  printf '%s' "$json"
}

# The name of the script that built the pages before this buildpack; empty when nothing did.
build_script() {
  [[ -f package.json ]] || return 0
  jq -r '.scripts? | objects | if (.["heroku-postbuild"] | type) == "string" then "heroku-postbuild" elif (.build | type) == "string" then "build" else empty end' \
    package.json 2>/dev/null || true
}

find_root() {
  local script folder
  local -a made=(dist build out _site dist/*/browser dist/* public_html www) given=(public public_html '' dist build out _site docs)
  script=$(build_script)
  if [[ -n $script ]]; then
    for folder in "${made[@]}"; do
      [[ ! -f $folder/index.html ]] || { root=$folder && return; }
    done
  fi
  for folder in "${given[@]}"; do
    for index_page in index.html index.htm; do
      [[ ! -f ./${folder:+$folder/}$index_page ]] || { root=$folder && return; }
    done
  done
  index_page=index.html
  [[ -z $script || -f static.json ]] || fail_without_pages "$script"
}

fail_without_pages() {
  local script=$1 file=dist/main.js made
  for made in .output/server/index.mjs build/index.js dist/server/entry.mjs dist/index.js dist/server.js; do
    [[ ! -f $made ]] || { file=$made && break; }
  done
  fail "The script $script of package.json made no pages: there is no index.html in dist, build, out, _site, public or www." \
    'For pages in another folder, add a static.json such as { "root": "site" }' \
    'For a server, say what starts it: "scripts": { "start": "node '"$file"'" } in package.json'
}

check_root() {
  while [[ $root =~ ^(/|\./) || $root == ?*/ ]]; do root=${root#./} root=${root#/} root=${root%/}; done
  [[ $root != . ]] || root=''
  [[ /$root/ != */../* ]] || fail "The root \"$root\" is not a folder of the app." 'Name it from the top of the source, for example: { "root": "public" }'
  [[ $root != *['"$;{}\'[:cntrl:]]* ]] || fail "The root \"$root\" has characters that a folder to be served may not have." 'It may not have " $ ; { } \ in it.'
  [[ -d ./$root ]] || fail "There is no folder $root in the source." 'If a build makes it, add a package.json with a build script, or commit the folder.'
  [[ $(realpath "./$root")/ == "$(realpath .)"/* ]] || fail "The root \"$root\" is a link that leads out of the source."
  [[ -f ./${root:+$root/}index.html || ! -f ./${root:+$root/}index.htm ]] || index_page=index.htm
}
