#!/bin/sh
# Configures a Debian system whose packages were only unpacked: configure.sh FOLDER, with the packages in FOLDER. Runs in
# a Dockerfile's RUN step, as root of that container.
set -eu
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C
# Packages must not start services in a container that makes an image.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
# First, because it creates the users and groups that own the files of the other packages.
dpkg --install --force-depends --force-unsafe-io "$1"/base-passwd_*.deb
dpkg --install --force-depends --force-unsafe-io "$1"/*.deb
rm -rf /usr/sbin/policy-rc.d "$1"
# The files that the recipe excludes from a stack are removed, as in a registry's slim images.
find /usr/share/doc -type f ! -name copyright -delete
rm -rf /usr/share/man/* /usr/share/info/* /usr/share/locale/*
