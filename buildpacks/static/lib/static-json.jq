# Reads static.json, in the format of Heroku's static buildpack. Input: its value. Output: the settings of the site, the
# names of the config vars in them, the problems that end the build, and the fields that are not used.

# A glob of static.json as a regular expression: * is any part of a name, ** any path. Without a slash at its beginning it
# matches at any depth.
def regex:
  [match("\\*\\*|\\*|[^*]+"; "g").string
    | if . == "**" then ".*" elif . == "*" then "[^/]*" else gsub("(?<c>[ -,.:-@\\[-^`{-~])"; "\\\(.c)") end]
  | add // "";
def rooted: (if startswith("/") or startswith("**") then "" else "(?:.*/)?" end) + regex;

def shown: tojson | if length > 60 then .[0:57] + "..." else . end;
def must($field; $kind): "\($field) must be \($kind), and is \(shown).";
def fields($field; $known): to_entries[] | select(.key as $key | $known | index([$key]) | not) | "\($field)\(.key)";

def types:
  { root: "string", clean_urls: "boolean", https_only: "boolean", error_page: "string", encoding: "string",
    canonical_host: "string", basic_auth: "boolean", basic_auth_htpasswd_path: "string", debug: "boolean",
    routes: "object", redirects: "object", headers: "object", proxies: "object", logging: "object" };
def kinds: { string: "a text", boolean: "true or false", object: "an object" };
# Set by Heroku's buildpack, and by the platform here.
def platforms: ["worker_connections", "resolver", "port"];

def of_type: types as $types | with_entries(select(.value != null and (.value | type) == $types[.key]));

def route: if type == "string" then {path: .} else . end;
def redirect: if type == "string" then {url: .} else . end;

def type_problems:
  types as $types | to_entries[]
  | select($types[.key] and .value != null and (.value | type) != $types[.key])
  | .key as $key | .value | must($key; kinds[$types[$key]]);

def route_problems:
  .routes // {} | to_entries[] | "routes \(.key | tojson)" as $field | .value
  | if (route | type) != "object" or (route.path | type) != "string" then must($field; "the path of a file")
    elif (route.except // "" | type) != "string" then (route.except | must("\($field) except"; "a path"))
    else empty end;

def redirect_problems:
  .redirects // {} | to_entries[] | "redirects \(.key | tojson)" as $field | .value
  | redirect as $redirect
  | if ($redirect | type) != "object" or ($redirect.url | type) != "string" or $redirect.url == ""
    then must($field; "an object with a url, such as { \"url\": \"/new\", \"status\": 302 }")
    elif ([301, 302, 303, 307, 308] | index([$redirect.status // 301 | tostring | tonumber? // 0]) | not)
    then ($redirect.status | must("\($field) status"; "301, 302, 303, 307 or 308"))
    else empty end;

# Fields that nginx and the connection set themselves.
def reserved_headers:
  ["connection", "content-length", "date", "keep-alive", "proxy-authenticate", "server", "te", "trailer",
   "transfer-encoding", "upgrade"];

def header_problems:
  .headers // {} | to_entries[] | "headers \(.key | tojson)" as $field | .value
  | if type != "object" then must($field; "an object of names and values")
    else to_entries[]
      | if (.key | test("^[A-Za-z0-9_-]+$") | not) then "\($field): \(.key | tojson) is not the name of a header."
        elif (.value | type | IN("string", "number", "boolean") | not)
        then (.key as $key | .value | must("\($field) \($key)"; "a text"))
        else empty end
    end;

def proxy_problems:
  .proxies // {} | to_entries[] | "proxies \(.key | tojson)" as $field
  | (if (.key | startswith("/")) then empty else "\($field) must begin with a slash." end),
    (.value
      | if type != "object" or (.origin | type) != "string"
        then must($field; "an object with an origin, such as { \"origin\": \"https://api.example.com\" }")
        elif (.origin | test("^(https?://[A-Za-z0-9.:\\[\\]-]+(/[^?#]*)?|\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}[^?#]*|https?://[^/?#]*\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}[^?#]*)$") | not)
        then (.origin | must("\($field) origin"; "an address that begins with http:// or https://"))
        else empty end);

def error_levels: ["debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"];

def other_problems:
  (.encoding | strings | select(test("^[A-Za-z0-9_.:-]+$") | not) | must("encoding"; "the name of a character set, such as UTF-8")),
  (.canonical_host | strings | select(test("^[A-Za-z0-9.-]*(\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}[A-Za-z0-9.-]*)*$") | not) | must("canonical_host"; "a hostname")),
  (.logging // {} | .access | select(. != null and type != "boolean") | must("logging access"; "true or false")),
  (.logging // {} | .error | select(. != null and ([.] - error_levels | length > 0)) | must("logging error"; "one of \(error_levels | join(", "))"));

# Any of them would end a header or a line of the log.
def control_problems:
  [(paths(strings) as $path | select(getpath($path) | test("[\\x00-\\x1f\\x7f]")) | $path | map(tostring) | join(" ")),
    (paths | map(tostring) | select(any(test("[\\x00-\\x1f\\x7f]"))) | join(" "))]
  | unique[] | "\(tojson) holds a line end or another control character.";

def unused:
  (fields(""; (types | keys) + platforms) | "static.json has \(.), which is not known here."),
  (with_entries(select(.key as $key | platforms | index([$key]))) | keys[] | "static.json has \(.), which the platform sets itself."),
  (["redirects", "routes", "headers"][] as $field | .[$field] // {} | objects | keys[] | select(contains("?"))
    | "static.json has \($field) \(.), and only paths are compared, without a query."),
  (.redirects // {} | objects | to_entries[] | .key as $key | .value | objects | fields("redirects \($key) "; ["url", "status"]) | "static.json has \(.), which is not known here."),
  (.proxies // {} | objects | to_entries[] | .key as $key | .value | objects | fields("proxies \($key) "; ["origin"]) | "static.json has \(.), which is not known here."),
  (.routes // {} | objects | to_entries[] | .key as $key | .value | objects | fields("routes \($key) "; ["path", "except"]) | "static.json has \(.), which is not known here."),
  (.logging // {} | objects | fields("logging "; ["access", "error"]) | "static.json has \(.), which is not known here."),
  (.headers // {} | objects | to_entries[] | .key as $key | .value | objects | keys[]
    | select(ascii_downcase as $name | reserved_headers | index([$name]))
    | "static.json has headers \($key) \(.), which the web server sets itself.");

def settings:
  { root: (.root // null),
    clean_urls: (.clean_urls // false),
    https_only: (.https_only // false),
    error_page: (.error_page // "" | ltrimstr("/")),
    encoding: (.encoding // ""),
    canonical_host: (.canonical_host // ""),
    basic_auth: (.basic_auth // false),
    htpasswd: (.basic_auth_htpasswd_path // ".htpasswd"),
    access_log: (.logging.access // false),
    error_level: (if .debug then "info" else (.logging.error // "warn") end),
    rewrite_log: (.debug // false),
    # The first that matches counts.
    routes: [.routes // {} | to_entries[] | (.value | route) as $route
      | { regex: "^\(if $route.except then "(?!\($route.except | rooted)$)" else "" end)\(.key | rooted)$",
          path: "/\($route.path | ltrimstr("/"))" }],
    redirects: [.redirects // {} | to_entries[] | (.value | redirect) as $redirect
      | { regex: (if .key == "/" then "^/$" else "^\(.key | rtrimstr("/") | rooted)/?$" end), url: $redirect.url, status: ($redirect.status // 301 | tostring | tonumber) }],
    # The last that matches counts, and alone: headers of other paths are not added.
    headers: [.headers // {} | to_entries[]
      | { regex: "^\(.key | rooted)$",
          fields: (.value | with_entries(select(.key | ascii_downcase as $name | reserved_headers | index([$name]) | not)) | map_values(tostring)) }],
    # The longest prefix counts.
    proxies: ([.proxies // {} | to_entries[] | { prefix: (.key | rtrimstr("/")), origin: .value.origin }] | sort_by(.prefix | -length)) };

if type != "object" then { problems: ["It must hold one object, for example: { \"root\": \"public\" }"], unused: [] }
else
  ([type_problems]) as $types
  | of_type as $typed
  | ([$types[], ($typed | route_problems, redirect_problems, header_problems, proxy_problems, other_problems), control_problems]) as $problems
  | { problems: $problems, unused: [unused] }
    + (if ($problems | length) > 0 then {}
       else ($typed | settings) as $settings
         | { $settings, env: ([$settings | .. | strings | match("\\$\\{([A-Za-z_][A-Za-z0-9_]*)\\}"; "g").captures[0].string] | unique) }
       end)
end
