#!/bin/sh
# Makes a stack from an image of Debian, for hosts without mmdebstrap. Runs in a Dockerfile's RUN step. All its inputs are
# in /run/stack, which is mounted for this step only, so they are in no layer.
set -eu
from=/run/stack
export DEBIAN_FRONTEND=noninteractive APT_CONFIG=$from/apt.conf
cp "$from/dpkg.cfg" /etc/dpkg/dpkg.cfg.d/99stack
apt-get update
xargs apt-get install -y --no-install-recommends <"$from/packages"
apt-get clean
sh "$from/customise.sh" /
