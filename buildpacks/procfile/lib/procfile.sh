# Reads a Procfile as the platform does (src/domain/procfile.ts), which has refused a wrong one before the build.

# Prints `TYPE<tab>COMMAND` for each line of the file $1.
procfile_entries() {
  local line space=$'[ \t\v\f]'
  # The no-break space, which comes from web pages, counts as a blank.
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line =~ ^$space*([A-Za-z0-9][A-Za-z0-9_-]*)$space*:$space*(.*[^ $'\t\v\f'])$space*$ ]] || continue
    printf '%s\t%s\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  done < <(LC_ALL=C sed -e $'1s/^\xef\xbb\xbf//' -e $'s/\xc2\xa0/ /g' "$1" | tr '\r' '\n')
}
