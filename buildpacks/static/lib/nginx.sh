# Copies nginx from the build stack. The run stack of the same release has the libraries that it links to.

install_server() {
  local layer=$layers_dir/server nginx
  nginx=$(command -v nginx) || fail 'This build stack has no nginx.' 'Make the stack again: paas stack:rebuild'
  rm -rf "$layer"
  mkdir -p "$layer/bin" "$layer/conf"
  cp "$nginx" "$layer/bin/nginx"
  cp "$buildpack_dir/lib/serve-static" "$buildpack_dir/lib/links-out" "$layer/bin/"
  cp "$buildpack_dir/lib/mime.types" "$layer/conf/mime.types"
  chmod 755 "$layer/bin/"*
  printf '[types]\nlaunch = true\n' >"$layers_dir/server.toml"
  step "Installed $("$nginx" -v 2>&1 | sed 's|.*nginx/|nginx |')"
}

# Writes the files that serve-static reads. Needs the settings.
write_config() {
  local config=$layers_dir/site pages='' hidden=no parts
  rm -rf "$config"
  mkdir -p "$config"
  ! setting .clean_urls || pages='$uri.html '
  pages+="\$uri/$index_page"
  [[ -n $root ]] || hidden=yes
  parts=$(jq --from-file "$buildpack_dir/lib/nginx.jq" --arg root "$app_dir${root:+/$root}" --arg pages "$pages" --arg hidden "$hidden" <<<"$settings")
  jq -r .http <<<"$parts" >"$config/http.conf"
  jq -r .server <<<"$parts" >"$config/server.conf"
  jq -j '.origins | select(. != "") | . + "\n"' <<<"$parts" >"$config/origins"
  printf '%s' "${config_vars:+$config_vars$'\n'}" >"$config/config-vars"
  if setting .basic_auth; then jq -r --arg app "$app_dir" '.htpasswd | if startswith("/") then . else "\($app)/\(.)" end' <<<"$parts" >"$config/htpasswd"; fi
  printf '%s' "$app_dir" >"$config/app"
  printf '[types]\nlaunch = true\n' >"$layers_dir/site.toml"
}
