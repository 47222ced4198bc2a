# Writes nginx's configuration for the settings of static-json.jq. Input: the settings. Arguments: root, the folder to serve;
# pages, the paths after $uri that are tried; hidden, whether files of the platform lie in the folder. Output: the part for
# `http` and the part for `server`.

# A string of nginx in which every character stands for itself.
def quoted: "\"" + gsub("(?<c>[\\\\\"])"; "\\\(.c)") + "\"";
# The same where nginx replaces variables: $ is the value of one, and ${NAME} a config var, which serve-static sets.
def text:
  "\"" + ([match("\\$\\{([A-Za-z_][A-Za-z0-9_]*)\\}|\\$|[^$]+"; "g")
    | if .captures[0].string != null then "${env_\(.captures[0].string)}"
      elif .string == "$" then "${dollar}"
      else (.string | gsub("(?<c>[\\\\\"])"; "\\\(.c)")) end] | add // "") + "\"";

def numbered: to_entries | map({number: (.key + 1), value});
# A map of the original path: the first regular expression that matches counts.
def path_map($variable; $default; rows):
  "map $original_path $\($variable) {", "  default \($default);", (rows | "  \("~" + .regex | quoted) \(.to);"), "}";

def own_names: [.headers[].fields | keys[]] | unique_by(ascii_downcase);
def field($name): [.fields | to_entries[] | select(.key | ascii_downcase == ($name | ascii_downcase)) | .value][0];
# The values of one header, by the number of the path's block. Other paths keep what nginx sends: it takes an empty value of
# these two as an order to send none.
def own_value: {"etag": "$sent_http_etag", "last-modified": "$sent_http_last_modified"}[ascii_downcase] // "\"\"";
def header_map($variable; $name; $default):
  "map $header_block $\($variable) {", "  default \($default);",
  (.headers | numbered[] | .number as $number | .value | field($name) | values | "  \($number) \(text);"), "}";
# Headers that the platform sends by itself, unless the site sets them.
def default_map($variable; $name; $value):
  "map $header_block $\($variable) {", "  default \($value);",
  (.headers | numbered[] | select(.value | field($name) != null) | "  \(.number) \"\";"), "}";

def http_part:
  "geo $dollar { default \"$\"; }",
  "map $http_x_forwarded_proto $public_scheme { default http; https https; }",
  "map $http_upgrade $upgrade_connection { default upgrade; \"\" \"\"; }",
  # A map keeps its first value, so this is the path before nginx goes on to a page for it.
  "map $uri $original_path { default $uri; }",
  path_map("proxied"; "\"\""; .proxies[] | {regex: "^\(.prefix | gsub("(?<c>[ -,.:-@\\[-^`{-~])"; "\\\(.c)"))(?:/|$)", to: "1"}),
  path_map("header_block"; "0"; .headers | numbered | reverse[] | {regex: .value.regex, to: .number}),
  path_map("redirect"; "\"\""; .redirects | numbered[] | {regex: .value.regex, to: .number}),
  path_map("route"; "$uri"; .routes[] | {regex, to: (.path | text)}),
  (own_names as $names | range($names | length) as $index | header_map("header_\($index)"; $names[$index]; $names[$index] | own_value)),
  default_map("default_cache_control"; "Cache-Control"; "$freshness"),
  default_map("default_type_options"; "X-Content-Type-Options"; "$nosniff");

def try_files: "try_files $uri \($pages) @fallback;";

def proxy_locations:
  .proxies | numbered[]
  | .number as $number | .value.prefix as $prefix | ($prefix | gsub("(?<c>[ -,.:-@\\[-^`{-~])"; "\\\(.c)")) as $regex
  | "location ~ \("^\($regex)(?:/|$)" | quoted) { client_max_body_size 0; try_files $uri @proxy_\($number); }",
    "location @proxy_\($number) {",
    "  rewrite \("^\($regex)/?(.*)$" | quoted) \"${proxy_\($number)_path}/$1\" break;",
    "  proxy_pass $proxy_\($number)_base;",
    "  proxy_redirect \"${proxy_\($number)_base}${proxy_\($number)_path}/\" \($prefix + "/" | text);",
    "  proxy_http_version 1.1;",
    "  proxy_ssl_server_name on;",
    "  proxy_set_header Upgrade $http_upgrade;",
    "  proxy_set_header Connection $upgrade_connection;",
    "  proxy_request_buffering off;",
    "  proxy_read_timeout 60s;",
    "  client_max_body_size 0;",
    "}";

# nginx sets Content-Type and Content-Encoding itself, so they need a location of their own. When one path needs it, every
# block gets one: the last block that matches counts.
def typed: [.headers[] | select(field("Content-Type") != null or field("Content-Encoding") != null)] | length > 0;
def type_locations:
  if typed | not then empty else
    .headers | reverse[]
    | "location ~ \(.regex | quoted) {",
      (field("Content-Type") | values | "  types { }", "  charset off;", "  default_type \(quoted);"),
      (field("Content-Encoding") | values | "  gzip off;", "  gzip_static off;"),
      "  \(try_files)", "}"
  end;

def server_part:
  "root \($root | quoted);",
  # The first use of the variable fixes it.
  "set $first_path $original_path;",
  (if .encoding == "" then empty else "charset \(.encoding);" end),
  (if .error_page == "" then empty else "error_page 404 500 \("/" + .error_page | text);" end),
  "error_log stderr \(.error_level);",
  (if .rewrite_log then "rewrite_log on;" else empty end),
  (if .access_log then "access_log /dev/stdout combined;" else empty end),
  (if .basic_auth then "auth_basic \"Restricted\";", "auth_basic_user_file /tmp/site.htpasswd;" else empty end),
  (if .https_only then "if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }" else empty end),
  (if .canonical_host == "" then empty else
    "set $other_host $host;",
    "set $canonical_host \(.canonical_host | text);",
    "if ($canonical_host = \"\") { set $other_host \"\"; }",
    "if ($other_host = $canonical_host) { set $other_host \"\"; }",
    "if ($other_host) { return 301 $public_scheme://$canonical_host$request_uri; }" end),
  (if .clean_urls then
    # One address per page: the one with .html redirects to the one without. A redirect of the site's own comes first.
    "set $page_request $redirect$request_uri;",
    "if ($page_request ~ \"^/(?![/\\x5c])([^?]*/)?index(?:\\.html)?(\\?.*)?$\") { return 301 /$1$2; }",
    "if ($page_request ~ \"^/(?![/\\x5c])([^?]*)\\.html(\\?.*)?$\") { return 301 /$1$2; }"
    else empty end),
  # Relative links in a folder's page need the slash at the end of the address.
  "if (-f $request_filename/index.html) { rewrite ^(.*[^/])$ $1/ permanent; }",
  # All files are served, except those that only configure the platform.
  (if $hidden == "yes" then "location ~ ^/(Procfile|Staticfile|static\\.json|app\\.json)$ { return 404; }" else empty end),
  proxy_locations,
  type_locations,
  "location / { \(try_files) }",
  "location @fallback {",
  (.redirects | numbered[] | "  if ($redirect = \"\(.number)\") { return \(.value.status) \(.value.url | text); }"),
  "  try_files $route =404;",
  "}",
  (own_names as $names | range($names | length) as $index | $names[$index]
    | select(ascii_downcase != "content-type") | "add_header \(.) $header_\($index) always;"),
  "add_header Cache-Control $default_cache_control;",
  "add_header X-Content-Type-Options $default_type_options;";

# Values that serve-static takes apart, because they may hold config vars.
def origins: .proxies | numbered[] | "\(.number) \(.value.origin)";

{ http: [http_part] | join("\n"), server: [server_part] | join("\n"), origins: [origins] | join("\n"), basic_auth, htpasswd }
