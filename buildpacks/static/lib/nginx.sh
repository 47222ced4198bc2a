# Copies nginx from the build stack. The run stack of the same release has the libraries that it links to.

install_server() {
  local layer=$layers_dir/server nginx
  nginx=$(command -v nginx) || fail 'This build stack has no nginx.' 'Make the stack again: paas stack:rebuild'
  rm -rf "$layer"
  mkdir -p "$layer/bin" "$layer/conf"
  cp "$nginx" "$layer/bin/nginx"
  cp "$buildpack_dir/lib/serve-static" "$layer/bin/serve-static"
  cp "$buildpack_dir/lib/mime.types" "$layer/conf/mime.types"
  chmod 755 "$layer/bin/"*
  printf '[types]\nlaunch = true\n' >"$layers_dir/server.toml"
  step "Installed $("$nginx" -v 2>&1 | sed 's|.*nginx/|nginx |')"
}

# Quotes a string for nginx's configuration. check_settings has refused the characters that nginx would interpret.
nginx_string() { printf '"%s"' "${1//\"/\\\"}"; }

write_config() {
  local config=$layers_dir/site index candidates='$uri'
  rm -rf "$config"
  mkdir -p "$config"
  [[ $clean_urls == no ]] || candidates+=' $uri.html'
  candidates+=' $uri/index.html'
  [[ $spa == yes ]] && candidates+=' /index.html' || candidates+=' =404'
  {
    echo "root $(nginx_string "$app_dir${root:+/$root}");"
    if [[ -n $error_page ]]; then
      echo "error_page 404 $(nginx_string "/${error_page#/}");"
    elif [[ -f ./$root/404.html ]]; then
      echo 'error_page 404 /404.html;'
    fi
    if [[ $https_only == yes ]]; then
      echo 'if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }'
    fi
    if [[ $clean_urls == yes ]]; then
      # One address per page: the one with .html redirects to the one without.
      echo 'if ($request_uri ~ "^/(?![/\x5c])([^?]*/)?index(?:\.html)?(\?.*)?$") { return 301 /$1$2; }'
      echo 'if ($request_uri ~ "^/(?![/\x5c])([^?]*)\.html(\?.*)?$") { return 301 /$1$2; }'
    fi
    # Relative links in a folder's page need the slash at the end of the address.
    echo 'if (-f $request_filename/index.html) { rewrite ^(.*[^/])$ $1/ permanent; }'
    echo "location / { try_files $candidates; }"
    if [[ -z $root ]]; then
      # All files are served, except those that only configure the platform.
      echo 'location ~ ^/(Procfile|Staticfile|static\.json|app\.json)$ { return 404; }'
    fi
    for ((index = 0; index < ${#headers[@]}; index += 2)); do
      echo "add_header ${headers[index]} $(nginx_string "${headers[index + 1]}") always;"
    done
  } >"$config/site.conf"
  printf '[types]\nlaunch = true\n' >"$layers_dir/site.toml"
}
