# Reads package.json: once, and checked. Everything else asks for a value with package_json.

read_package_json() {
  checked_package=$work/package.json
  package_warnings=''
  printf '{}' >"$checked_package"
  [[ -f package.json ]] || return 0
  must_be_json_object package.json 'For example: { "scripts": { "start": "node server.js" } }'
  jq_library 'include "package-json"; read' package.json >"$work/read.json"
  if [[ $(jq '.refused | length' "$work/read.json") != 0 ]]; then
    fail "$(jq -r '.refused[0].sentence' "$work/read.json")." "$(jq -r '.refused[0].example | if . then "Write it like this: \(.)" else "Take it out: no program can be given one." end' "$work/read.json")"
  fi
  jq .fields "$work/read.json" >"$checked_package"
  package_warnings=$(jq -r '.ignored[] | "\(.sentence). npm ignores it, and so does this build.", (.example | strings | "Write it like this: \(.)")' "$work/read.json")
}

warn_about_package_json() {
  local -a lines
  [[ -n $package_warnings ]] || return 0
  mapfile -t lines <<<"$package_warnings"
  warn "${lines[@]}"
}

# The value of package.json that the jq filter names; empty when there is none.
package_json() { jq -r "($1) // \"\"" "$checked_package"; }

script() { jq -rj --arg name "$1" '.scripts[$name] // ""' "$checked_package"; }

jq_library() { jq -L "$buildpack_dir/lib" "$@"; }

# must_be_json_object FILE HINT: fails with what is wrong with the file, in words for its author.
must_be_json_object() {
  local file=$1 hint=$2 problem place=''
  if [[ $(head -c 4 "$file" | od -An -tx1) =~ ^\ (ff\ fe|fe\ ff|00|[0-9a-f]{2}\ 00) ]]; then
    fail "$file is not in UTF-8 but in UTF-16." 'Save it as UTF-8: an editor calls that the encoding.'
  fi
  [[ -n $(tr -d '[:space:]' <"$file" | head -c 1) ]] || fail "$file is empty." "$hint"
  if problem=$(jq --slurp -r 'if length != 1 then "several" else .[0] | type end' "$file" 2>&1); then
    case $problem in
    object) return ;;
    several) fail "$file must hold one JSON object, and holds several values one after the other." "$hint" ;;
    *) fail "$file must hold a JSON object, and holds: $problem." "$hint" ;;
    esac
  fi
  [[ $problem =~ at\ line\ ([0-9]+) ]] && place=" (line ${BASH_REMATCH[1]} or before it)"
  fail "$file is not valid JSON$place." "$(explain_json "$file")"
}

# The mistake that people make most often among those that the file has.
explain_json() {
  local file=$1
  if grep -Eq '^(<<<<<<<|>>>>>>>) ' "$file"; then
    echo 'It has the marks of a merge conflict (<<<<<<<): choose one side, and commit.'
  elif grep -Eq '^[[:space:]]*(//|/\*)|[,{}[][[:space:]]*//' "$file"; then
    echo 'JSON has no comments: take out // and /* */.'
  elif tr '\n' ' ' <"$file" | grep -Eq ',[[:space:]]*[]}]'; then
    echo 'JSON has no comma before a closing } or ].'
  elif grep -Eq "^[[:space:]]*'|[:{,[][[:space:]]*'" "$file"; then
    echo "JSON has double quotes (\") around names and strings, not '."
  else
    echo "Find the place with: node -p 'JSON.parse(require(\"fs\").readFileSync(\"$file\"))'"
  fi
}
