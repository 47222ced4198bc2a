# npm's version ranges (node-semver's README, "Ranges") over released versions. Pre-releases are never candidates, so
# every range is a union of half-open intervals of [major, minor, patch].

def version: capture("^v?(?<a>\\d+)\\.(?<b>\\d+)\\.(?<c>\\d+)$") | [.a, .b, .c] | map(tonumber);

# "1.2.x" -> [1, 2, null]; anything after a wildcard is a wildcard.
def partial:
  (capture("^[v=\\s]*(?<a>\\d+|[xX*])?(\\.(?<b>\\d+|[xX*]))?(\\.(?<c>\\d+|[xX*]))?([-+][0-9A-Za-z.+-]*)?$")
    // error("not a version range"))
  | [.a, .b, .c] | map(if . == null or test("^[xX*]$") then null else tonumber end)
  | if .[0] == null then [null, null, null] elif .[1] == null then [.[0], null, null] else . end;

def floor_of: map(. // 0);

# The first version above all versions that the partial covers; null when there is none.
def ceiling_of:
  if .[0] == null then null
  elif .[1] == null then [.[0] + 1, 0, 0]
  elif .[2] == null then [.[0], .[1] + 1, 0]
  else [.[0], .[1], .[2] + 1] end;

def caret_ceiling:
  if .[0] == null then null
  elif .[0] > 0 or .[1] == null then [.[0] + 1, 0, 0]
  elif .[1] > 0 or .[2] == null then [0, .[1] + 1, 0]
  else [0, 0, .[2] + 1] end;

def tilde_ceiling: if .[1] == null then ceiling_of else [.[0], .[1] + 1, 0] end;

# One comparator -> {from, to}: from <= version < to. Fails when the text is no comparator.
def interval:
  capture("^(?<op>\\^|~>?|>=|<=|>|<|=)?(?<rest>.*)$")
  | .op as $op | (.rest | partial) as $p
  | if $op == "^" then {from: ($p | floor_of), to: ($p | caret_ceiling)}
    elif $op == "~" or $op == "~>" then {from: ($p | floor_of), to: ($p | tilde_ceiling)}
    elif $op == ">=" then {from: ($p | floor_of), to: null}
    elif $op == ">" then
      # No version is above all versions.
      if $p[0] == null then {from: [0, 0, 0], to: [0, 0, 0]} else {from: ($p | ceiling_of), to: null} end
    elif $op == "<" then {from: [0, 0, 0], to: ($p | floor_of)}
    elif $op == "<=" then {from: [0, 0, 0], to: ($p | ceiling_of)}
    else {from: ($p | floor_of), to: ($p | ceiling_of)} end;

# "1.2 || >=2 <3" -> [[interval, …], …]
def alternatives:
  if . == "" then "*" else . end | split("||") | map(
    gsub("^\\s+|\\s+$"; "")
    | if test("\\s-\\s") then
        (split(" - ") | map(gsub("\\s"; ""))) as $ends
        | [{from: ($ends[0] | partial | floor_of), to: ($ends[1] | partial | ceiling_of)}]
      else
        gsub("(?<op>[<>=~^]+)\\s+"; "\(.op)") | [splits("\\s+")]
        | if . == [""] then ["*"] else . end
        | map(interval)
      end
  );

# False for a range that cannot be read.
def satisfies($alternatives):
  . as $version
  | any($alternatives[]; all(.[]; . as $i | $version >= $i.from and ($i.to == null or $version < $i.to)));

# {versions: {…}} of a registry, newest first, released versions only.
def released: .versions | to_entries | map(select(.key | test("^\\d+\\.\\d+\\.\\d+$")) | .number = (.key | version))
  | sort_by(.number) | reverse;
