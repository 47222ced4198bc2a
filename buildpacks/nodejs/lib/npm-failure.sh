# Explains to the pusher why npm failed.

# Explains npm's error codes and what to do next. Source: npm's docs, "Common errors", and lib/utils/error-message.js.
explain_npm_failure() {
  local log=$work/npm.log
  if grep -q 'npm error code EUSAGE' "$log"; then
    fail "package.json and $lock_file do not belong together." 'Bring them together with npm install, and commit both files.'
  elif grep -q 'npm error code ERESOLVE' "$log"; then
    fail 'The dependencies contradict each other (ERESOLVE above).' 'Find versions that agree with npm install on your machine, and commit both files.'
  elif grep -Eq 'npm error code (E401|E403)' "$log"; then
    fail 'The npm registry asks for a login for one of the packages above.' 'Set the token that your .npmrc names, for example: paas config:set NPM_TOKEN=…'
  elif grep -q 'npm error code E404' "$log"; then
    fail 'One of the packages above does not exist in the npm registry, or is private.' 'For a private package set the token that your .npmrc names: paas config:set NPM_TOKEN=…'
  elif grep -q 'npm error code EBADENGINE' "$log"; then
    fail "A dependency refuses Node.js $node_version (above)." 'Choose another version in "engines" of package.json.'
  elif grep -q 'npm error code EINTEGRITY' "$log"; then
    fail "A package is not the one that $lock_file was made with (EINTEGRITY above)." "Make $lock_file again: delete it, run npm install, commit."
  elif grep -Eq 'npm error code (ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|E5[0-9][0-9])' "$log"; then
    fail 'The npm registry did not answer.' 'That is not about your source: push again in a minute.'
  elif grep -Eq 'gyp ERR!|node-gyp' "$log"; then
    fail 'A native module did not compile (above).' "It may not support Node.js $node_version, or need a system library that the stack lacks."
  elif grep -q 'heap out of memory' "$log"; then
    fail 'npm ran out of memory.' 'Builds have 2 GB.'
  fi
  fail 'npm failed (above).'
}
