# What this buildpack reads of package.json, checked and in one form. A field of another type is read as npm 11 reads it
# (@npmcli/package-json, lib/normalize.js) and told; where npm breaks off, or installs something else, it is a problem.

def kind: type as $type |
  {null: "null", boolean: "a boolean", number: "a number", string: "a string", array: "an array", object: "an object"}[$type]
  + (if $type == "null" then "" else tojson | ": \(if length > 60 then .[:57] + "…" else . end)" end);

def example: {
  name: "\"name\": \"shop\"", version: "\"version\": \"1.0.0\"", main: "\"main\": \"server.js\"",
  packageManager: "\"packageManager\": \"npm@11.0.0\"", engines: "\"engines\": { \"node\": \"24.x\" }",
  scripts: "\"scripts\": { \"start\": \"node server.js\" }", dependencies: "\"dependencies\": { \"express\": \"^5.0.0\" }",
  devDependencies: "\"devDependencies\": { \"vite\": \"^7.0.0\" }",
  optionalDependencies: "\"optionalDependencies\": { \"fsevents\": \"^2.0.0\" }",
  workspaces: "\"workspaces\": [\"packages/*\"]", config: "\"config\": { \"port\": \"8080\" }", bin: "\"bin\": { \"shop\": \"cli.js\" }"
};

# FIELD is what the sentence names; the example is that of the field at the top.
def told($level; $field; $expected): ($field | split(".")[0]) as $top | {($level): {
  sentence: "\($field) in package.json must be \($expected), and is \(kind)", example: (example[$top] // null)}};

def ignored($field; $expected): told("ignored"; $field; $expected);
def refused($field; $expected): told("refused"; $field; $expected);

# Strings are kept. A number is taken as its text: "node": 24.
def text($field): if type == "string" then {value: .} elif type == "number" then {value: (. + 0 | tostring)}
  elif . == null then empty else ignored($field; "a string") end;

def texts($field): to_entries[] | .key as $key | .value | text("\($field).\($key)")
  | if has("value") then {value: {($key): .value}} else . end;

def object_of_texts($field): if type == "object" then {value: {}}, texts($field) else ignored($field; "an object") end;

# npm takes the places in an array, and the letters of a string, for names of packages.
def dependencies($field):
  if type == "object" then {value: .}, (to_entries[] | select(.value | type != "string")
    | .key as $key | .value | refused("\($field).\($key)"; "a string"))
  elif (type == "array" or type == "string") and length > 0
  then refused($field; "an object") else ignored($field; "an object") end;

def checked($field):
  if $field == "engines" then object_of_texts($field)
  elif $field == "scripts" then
    if . == null then refused($field; "an object")
    elif type == "object" then {value: {}}, (to_entries[] | if (.value | type) == "string" then {value: {(.key): .value}}
      else .key as $key | .value | ignored("\($field).\($key)"; "a string") end)
    else ignored($field; "an object") end
  elif ["dependencies", "devDependencies", "optionalDependencies"] | index($field) then dependencies($field)
  elif $field == "workspaces" then
    if type == "array" or (type == "object" and (.packages | type) == "array") then {value: .}
    else refused($field; "an array") end
  elif $field == "config" then if type == "object" then {value: .} else ignored($field; "an object") end
  elif $field == "bin" then
    if type == "object" or type == "string" or type == "array" then {value: .} else ignored($field; "an object or a string") end
  else text($field) end;

# One object: the checked fields, and the sentences about the others.
def read: . as $package
  | reduce (example | keys[]) as $field ({fields: {}, ignored: [], refused: []};
      reduce ($package | if has($field) then .[$field] | checked($field) else empty end) as $found (.;
        if $found | has("value") then
          .fields[$field] = (if ($found.value | type) == "object" then (.fields[$field] // {}) + $found.value else $found.value end)
        elif $found.ignored then .ignored += [$found.ignored] else .refused += [$found.refused] end))
  # bash cannot hold such a text. The fields left out only become environment, which leaves it out too.
  | .refused += [.fields | del(.name, .version, .config, .bin) | paths as $path
      | select([$path[-1], getpath($path)] | any(strings | explode | any(. == 0)))
      | {sentence: "\($path | map(tostring) | join(".") | tojson) in package.json holds a NUL character", example: null}];

# What npm gives to a script of the package (RFC 183), as pairs of a name and a value.
def flattened($prefix): to_entries[] | "\($prefix)\(.key)" as $name | .value
  | if . == null or . == false then [$name, ""]
    elif type == "array" then to_entries[] | {("\($name)_\(.key)"): .value} | flattened("")
    elif type == "object" then flattened("\($name)_")
    else [$name, if type == "number" then . + 0 | tostring else tostring end] end;

def path_in_package: gsub("\\\\|:"; "/") | split("/")
  | reduce .[] as $part ([]; if $part == ".." then .[:-1] elif $part == "." or $part == "" then . else . + [$part] end) | join("/");

# `bin` as an object of names and paths.
def programs: .name as $name | .bin
  | if type == "string" then if ($name // "") == "" then {} else {($name): .} end
    elif type == "array" then map(strings | {(split("/") | last): .}) | add // {} else . // {} end
  | with_entries(select((.value | type) == "string") | .key |= (split("/") | last) | .value |= path_in_package
      | select(.key != "" and .value != ""));

def script_environment: {name, version, config, engines, bin: programs}
  | with_entries(select(.value != null)) | flattened("npm_package_")
  # The others do not pass through sh, with which npm runs a script.
  | select(.[0] | test("^[A-Za-z_][A-Za-z0-9_]*$")) | select(.[1] | explode | any(. == 0) | not);
