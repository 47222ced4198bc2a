# Output for the pusher. The three prefixes are Heroku's.

step() { printf -- '-----> %s\n' "$*"; }
detail() { printf '       %s\n' "$*"; }

# Each argument is a line.
warn() { printf ' !     %s\n' "$@"; }

# Prints why the build fails, and ends it. Each argument is a line; the first is the reason.
fail() {
  warn "$@"
  exit 1
}
