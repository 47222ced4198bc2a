# Explains to the pusher why npm failed. No value of a setting is printed, because it may be a token.

# Explains npm's error codes and what to do next. Source: npm's docs, "Common errors", and lib/utils/error-message.js.
explain_npm_failure() {
  local log=$work/npm.log code url host package
  code=$(sed -nE 's/^npm (error|ERR!) code ([A-Za-z0-9_]+).*/\2/p' "$log" | sed -n 1p)
  explain_script_failure
  explain_git_failure
  url=$(failing_address)
  host=$(host_of "$url")
  case $code in
  EUSAGE)
    fail "package.json and $lock_file do not belong together." 'Bring them together with npm install, and commit both files.'
    ;;
  ERESOLVE)
    fail 'The dependencies contradict each other (ERESOLVE above).' 'Find versions that agree with npm install on your machine, and commit both files.'
    ;;
  E401 | E403 | ENEEDAUTH)
    fail "${host:-The npm registry} refuses the login for ${url:+$(package_of "$url") (}${code#E}${url:+)}." "$(token_advice "$host")"
    ;;
  E404)
    package=$(package_of "$url")
    if [[ $package == @*/* && $host == "$(host_of "$platform_registry")" ]]; then
      fail "$package is not in the npm registry, or is private." "$(token_advice "$host")" \
        "If it is in another registry, name that in .npmrc: ${package%%/*}:registry=https://…"
    fi
    fail "${package:-One of the packages above} is not in the registry ${host:-of npm}, or is private." "$(token_advice "$host")"
    ;;
  EBADENGINE)
    fail "A dependency refuses Node.js $node_version (above)." 'Choose another version in "engines" of package.json.'
    ;;
  EINTEGRITY)
    fail "A package is not the one that $lock_file was made with (EINTEGRITY above)." "Make $lock_file again: delete it, run npm install, commit."
    ;;
  ERR_INVALID_URL | EINVALIDURL)
    fail 'The address of a registry is not a URL (above).' "$(unset_advice '' || echo 'Look at the lines with "registry" in .npmrc.')"
    ;;
  *CERT* | ERR_TLS_* | ERR_SSL_* | EPROTO | UNABLE_TO_*)
    fail "The certificate of ${host:-the npm registry} is not accepted ($code)." \
      "Builds trust what this machine trusts: have its administrator add the certificate authority of ${host:-that registry}."
    ;;
  ENOTFOUND | EAI_AGAIN | ECONNREFUSED | ECONNRESET | ETIMEDOUT | EHOSTUNREACH | ENETUNREACH | ERR_SOCKET_TIMEOUT | E5[0-9][0-9])
    explain_silence
    ;;
  esac
  if grep -Eq '^npm (error|ERR!) .*request to https?://[^ ]+ failed, reason:' "$log"; then
    explain_silence
  elif grep -q 'heap out of memory' "$log"; then
    fail 'npm ran out of memory.' 'Builds have 2 GB.'
  fi
  fail 'npm failed (above).'
}

# Ends the build if npm could not fetch a repository. npm prints the command, whose last word is the address.
explain_git_failure() {
  local address
  address=$(sed -nE 's#^npm (error|ERR!) command git .*[ ]((ssh|git|https?|file)://[^ ]+).*#\2#p' "$work/npm.log" | sed -E 's#://[^/@]*@#://#' | sed -n 1p)
  [[ -n $address ]] || return 0
  fail "The git repository $address could not be fetched (above)." \
    'A build has no ssh key and none of the files of your machine: name a public https address or a package of a registry.'
}

# Reads code and host of the caller.
explain_silence() {
  local what='did not answer' advice origin
  if [[ -z $host || $host == "$(host_of "$platform_registry")" ]]; then
    fail 'The npm registry did not answer.' 'That is not about your source: push again in a minute.'
  fi
  [[ $code != E5[0-9][0-9] ]] || what='answered with an error'
  advice=$(unset_advice "$host" || echo "The builds must be able to reach $host: see that its address is right and that this machine reaches it.")
  origin=$(origin_of "$host")
  [[ $origin != *registry* ]] || host="The registry $host"
  fail "$host $what ($code). It is named by $origin." "$advice"
}

# The first address in npm's messages, without a login.
failing_address() {
  sed -nE -e '/docs\.npmjs\.com/d' -e '/^npm (error|ERR!)/s#.*[ "'\'']((https?|git\+https)://[^ ,"'\'')]+).*#\1#p' "$work/npm.log" |
    sed -E 's#://[^/@]*@#://#' | sed -n 1p
}

host_of() { sed -E 's#^[a-z+]*://([^/@]*@)?([^/]*).*#\2#' <<<"$1"; }

# https://host/path/@scope%2fname and …/name/-/name-1.0.0.tgz -> the name of the package.
package_of() {
  sed -E -e 's#/-/.*##' -e 's#%2[fF]#/#' -e 's#.*/(@[^/]+/[^/]+)$#\1#' -e 't' -e 's#.*/##' <<<"$1"
}

# Prints NAME<tab>VALUE of the settings in .npmrc (npm's docs, "npmrc": comments begin with ; or #).
npmrc_settings() {
  [[ -f .npmrc ]] || return 0
  sed -nE -e $'1s/^\xef\xbb\xbf//' -e 's/\r$//' \
    -e 's/^[[:space:]]*([^;#[:space:]=][^=]*[^=[:space:]])[[:space:]]*=[[:space:]]*(.*)$/\1\t\2/p' .npmrc
}

# The variables that the settings with this host name, one a line. npm leaves ${NAME} as it is when NAME is not set.
npmrc_variables() { { grep -Fi -- "$1" || true; } < <(npmrc_settings) | { grep -oE '\$\{[A-Za-z_][A-Za-z0-9_]*\}' || true; } | tr -d '${}'; }

# Advice about variables that are not set: those of this host, or any. Fails when all are set.
unset_advice() {
  local name where
  for where in "$1" ''; do
    for name in $(npmrc_variables "$where"); do
      [[ -z ${!name:-} ]] || continue
      echo ".npmrc takes a value from $name, and $name is not set: paas config:set $name=…"
      return
    done
  done
  return 1
}

token_advice() {
  local name
  unset_advice "$1" && return
  name=$(npmrc_variables "//$1/" | sed -n 1p)
  if [[ -n $name ]]; then
    echo "The login in $name may have ended, or not be for this package. Set another one: paas config:set $name=…"
  else
    echo "Give a login: //$1/:_authToken=\${NPM_TOKEN} in .npmrc, and paas config:set NPM_TOKEN=…"
  fi
}

origin_of() {
  local setting
  setting=$({ grep -Fi -- "$1" || true; } < <(npmrc_settings) | sed -nE 's/^((@[^:]*:)?registry)\t.*/\1/p' | sed -n 1p)
  if [[ -n $setting ]]; then
    echo "$setting in .npmrc"
  elif [[ -n $lock_file ]] && grep -Fqi -- "//$1/" "$lock_file"; then
    echo "\"resolved\" in $lock_file"
  else
    echo 'package.json or a config var'
  fi
}

# npm lets the environment, which names the platform's registry, win over .npmrc. Here a registry of the app's own wins: of
# a config var, or of .npmrc unless that is the public one, for which the platform's may stand.
choose_registry() {
  local own
  platform_registry=${npm_config_registry:-}
  if [[ -f $platform_dir/env/NPM_CONFIG_REGISTRY ]]; then
    export npm_config_registry=$NPM_CONFIG_REGISTRY
  elif [[ ! -f $platform_dir/env/npm_config_registry ]]; then
    own=$(npmrc_settings | sed -nE 's/^registry\t//p' | sed -n '$p')
    [[ -z $own || $own =~ //registry\.(npmjs|yarnpkg)\.[a-z]+(/|$) ]] || unset npm_config_registry NPM_CONFIG_REGISTRY
  fi
}
