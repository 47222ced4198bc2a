# What a lock file of npm says about the packages that it installs. Versions 2 and 3 have `packages` by folder, version 1
# has a tree of `dependencies` by name.

def by_folder: (.packages | objects | to_entries[]) // empty;
def in_modules: .key | test("(^|/)node_modules/");
def of_version_1: [.. | objects | .dependencies? | objects | to_entries[] | select(.value | type == "object")];

# The folders of workspaces and of packages named by file:, for versions 2 and 3.
def own_folders:
  by_folder | select(.key != "")
  | if in_modules then .value.resolved? | strings | select(startswith("file:")) | ltrimstr("file:") else .key end;

# The names of the packages that npm clones and prepares.
def from_git:
  (by_folder | select(.value.resolved? | strings | test("^git")) | .key | sub("^.*node_modules/"; "")),
  (of_version_1[] | select(.value.version? | strings | test("^(git|github:|gitlab:|bitbucket:|gist:)")) | .key);

# Whether "os" or "cpu" of package.json admits a value.
def admits($value):
  [.[]? | strings] as $names
  | ($names | index("!" + $value) == null)
    and (($names | map(select(startswith("!") | not))) as $wanted | $wanted == [] or ($wanted | index($value)) != null);

# The names of the packages with install scripts that are installed here, for versions 2 and 3.
def with_scripts($cpu; $omits_dev):
  by_folder | select(.value.hasInstallScript? == true and in_modules)
  | select(.value | ([.os?] | flatten | admits("linux")) and ([.cpu?] | flatten | admits($cpu)))
  | select(($omits_dev and .value.dev? == true) | not)
  | .key | sub("^.*node_modules/"; "");

# The names of the packages that npm may leave out. Version 1 does not say whether for the platform's sake or because an
# install script failed.
def optional_of_version_1: if .packages then empty else of_version_1[] | select(.value.optional? == true) | .key end;
