# Finds the scripts that npm runs while it installs. With such a script, anything may decide what node_modules holds: the
# app's files, config vars, the time. So node_modules is reused only when there is none.

# npm runs these of the app itself (npm's docs, "scripts").
own_lifecycle=(preinstall install postinstall prepublish preprepare prepare postprepare predependencies dependencies
  postdependencies)

lock_query() { jq -r -L "$buildpack_dir/lib" "${@:2}" "include \"lock-file\"; $1" "$lock_file" 2>/dev/null; }

# True when npm's settings say ignore-scripts. npm is asked only when a setting of that name is there, because it takes a
# quarter of a second.
ignores_scripts() {
  if [[ -z ${ignoring_scripts:-} ]]; then
    ignoring_scripts=false
    if grep -qis 'ignore-scripts' .npmrc || grep -qix 'npm_config_\(ignore_scripts\|userconfig\|globalconfig\)' < <(compgen -e); then
      ignoring_scripts=$(npm config get ignore-scripts 2>/dev/null || echo false)
    fi
  fi
  [[ $ignoring_scripts == true ]]
}

# Prints the folders of the packages that come with the app's source: workspaces and packages named by file:.
own_packages() {
  if [[ -n $lock_file ]] && lock_query '.packages | objects | length' | grep -q .; then
    lock_query 'own_folders'
  elif [[ -n $(package_json '[.workspaces | values] + [(.dependencies, .devDependencies, .optionalDependencies)
    | objects | .[] | strings | select(test("^(file:|link:|[.]{0,2}/)"))] | .[0] | values | tostring') ]]; then
    # Nothing lists all of them, so every package of the source counts.
    find . -mindepth 2 -name node_modules -prune -o -name package.json -type f -printf '%h\n'
  fi
}

# Prints the first script that npm runs of the package in a folder; nothing when there is none.
first_script_in() {
  local folder=$1 gyp=false
  [[ ! -f $folder/binding.gyp ]] || gyp=true
  jq -r --argjson gyp "$gyp" '(.scripts? | objects) // {} | . as $scripts
    | first(("preinstall", "install", "postinstall", "prepare") | select($scripts[.] | strings | . != ""))
      // (if $gyp then "node-gyp" else empty end)' "$folder/package.json" 2>/dev/null || true
}

# Sets source_scripts ("prepare of packages/ui") and has_own_packages, which hold before the installation.
find_source_scripts() {
  local folder name
  source_scripts=() has_own_packages=no
  [[ -f package.json ]] || return 0
  while IFS= read -r folder; do
    has_own_packages=yes
    [[ -d $folder ]] || continue
    name=$(first_script_in "$folder")
    [[ -z $name ]] || ignores_scripts || source_scripts+=("$name of ${folder#./}")
  done < <(own_packages)
  while IFS= read -r name; do
    ignores_scripts || source_scripts+=("prepare of $name")
  done < <([[ -z $lock_file ]] || lock_query from_git)
}

# Packages lie in node_modules/NAME and node_modules/@SCOPE/NAME.
installed_files() {
  find . -regextype posix-extended -type f -name "$1" -regex ".*/node_modules/(@[^/]+/)?[^/@.][^/]*/$1" "${@:2}"
}

# Sets installed_script: an install script of a dependency that ran, as in "postinstall of esbuild"; empty when none did.
# The lock file names those of packages too that npm removed again because their script failed.
find_installed_script() {
  local name cpu=x64 omits_dev=false
  [[ ${CNB_TARGET_ARCH:-} != arm64 ]] || cpu=arm64
  installed_script=''
  ignores_scripts && return
  installed_script=$(installed_files package.json -print0 | xargs -0 -r jq -r '
    select(type == "object") | ((.scripts? | objects) // {}) as $scripts
    | first(("preinstall", "install", "postinstall") | select($scripts[.] | strings | . != ""))
    | "\(.) of \(input_filename | sub("^.*node_modules/"; "") | sub("/package.json$"; ""))"' 2>/dev/null | sed -n 1p) ||
    installed_script='a package.json that cannot be read'
  [[ -z $installed_script ]] || return 0
  installed_script=$(installed_files binding.gyp -printf '%h\n' | sed -n 's|^.*node_modules/|node-gyp of |p' | sed -n 1p)
  [[ -z $installed_script && -n $lock_file ]] || return 0
  [[ $1 != *--omit=dev* ]] || omits_dev=true
  name=$(lock_query 'with_scripts($cpu; $omits_dev)' --arg cpu "$cpu" --argjson omits_dev "$omits_dev" | sed -n 1p)
  [[ -n $name ]] || name=$(left_out_optional || true)
  [[ -z $name ]] || installed_script="install script of $name"
}

left_out_optional() {
  local name
  lock_query optional_of_version_1 | while IFS= read -r name; do
    if [[ ! -d node_modules/$name ]]; then
      echo "$name"
      return
    fi
  done
}
