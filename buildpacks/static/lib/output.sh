# What the person who pushes reads. The three prefixes are Heroku's.

step() { printf -- '-----> %s\n' "$*"; }
detail() { printf '       %s\n' "$*"; }
indent() { sed -u 's/^/       /'; }

# Each argument is a line.
warn() { printf ' !     %s\n' "$@"; }

# Says why and ends the build. Each argument is a line; the first is the reason.
fail() {
  warn "$@"
  exit 1
}
