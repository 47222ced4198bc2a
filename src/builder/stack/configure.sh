#!/bin/sh
# Makes a Debian system out of files that were laid down and never configured: configure.sh FOLDER, with the packages in
# FOLDER. Runs in a Dockerfile's RUN step, as root of that container.
set -eu
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C
# Nothing is started in a container that makes an image.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
# The other packages give files to users and groups by name, which this one makes.
dpkg --install --force-depends --force-unsafe-io "$1"/base-passwd_*.deb
dpkg --install --force-depends --force-unsafe-io "$1"/*.deb
rm -rf /usr/sbin/policy-rc.d "$1"
# As in the slim images of a registry: what the recipe keeps out of a stack.
find /usr/share/doc -type f ! -name copyright -delete
rm -rf /usr/share/man/* /usr/share/info/* /usr/share/locale/*
