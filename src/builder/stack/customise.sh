#!/bin/sh
# Turns a Debian root file system into a stack: customise.sh ROOT, with STACK_KIND (run or build) and STACK_SUITE set.
# mmdebstrap runs it as a hook on a directory, and install.sh runs it on / of the image. Both make the same stack.
set -eu
root=${1%/}

# Processes run as app, under the number that their app has in its image. Its group and home exist for tools that look them up (git, npm, ssh).
grep -q '^app:' "$root/etc/passwd" || {
  echo 'app:x:10001:10001:app:/app:/bin/bash' >>"$root/etc/passwd"
  echo 'app:x:10001:' >>"$root/etc/group"
  echo 'app:*:19700:0:99999:7:::' >>"$root/etc/shadow"
}
directories=app
# A named volume takes the owner of the directory it is first mounted on. Without these, a build could not write its cache.
[ "$STACK_KIND" = run ] || directories='app build cache cnb layers platform runtimes workspace'
for directory in $directories; do
  mkdir -p "$root/$directory"
  chown 10001:10001 "$root/$directory"
  # Each app's builds run as a user of their own, alone in their container.
  [ "$STACK_KIND" = run ] || chmod 777 "$root/$directory"
done

# The public archive's address, whichever mirror the packages came from. Some buildpacks read sources.list, and one of them
# fails when sources.list.d is empty.
rm -f "$root"/etc/apt/sources.list.d/*
{
  echo "deb http://deb.debian.org/debian $STACK_SUITE main"
  case $STACK_SUITE in
  sid | unstable) ;;
  *)
    echo "deb http://deb.debian.org/debian $STACK_SUITE-updates main"
    echo "deb http://deb.debian.org/debian-security $STACK_SUITE-security main"
    ;;
  esac
} >"$root/etc/apt/sources.list"
echo '# Further package sources go into this directory.' >"$root/etc/apt/sources.list.d/stack.list"

# Builds write the host's certificates into /etc/ssl/certs. The path is the same in both stacks, so an environment that a
# build copies into the image names a file that exists at run. The agent gives the build's user a name (agent.sh). git
# refuses folders of other users, and the app's folder is the stack's.
[ "$STACK_KIND" = run ] || {
  chmod 777 "$root/etc/ssl/certs"
  chmod 666 "$root/etc/passwd" "$root/etc/group"
  printf '[safe]\n\tdirectory = *\n' >"$root/etc/gitconfig"
}

# No setuid or setgid programs: processes in a container never change user.
find "$root/usr" "$root/bin" "$root/sbin" -xdev -type f -perm /6000 -exec chmod a-s {} + 2>/dev/null || true

# Removes all that came from the machine that made the stack.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/apt/auth.conf" "$root"/etc/*- "$root"/var/lib/dpkg/*-old
rm -rf "$root"/var/log/apt "$root"/var/log/*.log "$root"/var/cache/ldconfig/aux-cache "$root"/var/lib/apt/lists/*
