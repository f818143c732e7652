#!/bin/sh
# Runs in the machine: puts the release and the system's files in place, and makes them start.
set -eu
umask 022

# Everything in the payload is root's; directories that are there keep their owner and mode.
tar --extract --file /run/payload.tar --directory / --same-permissions --no-overwrite-dir
rm /run/payload.tar

# What is on and off is the preset's word alone; what packages switched on is not asked.
systemctl preset-all 2>/dev/null
systemd-analyze verify --man=no $(ls /etc/systemd/system/hoist*.service | grep -v -e @ -e /hoist-build)

# The way a new kernel's installation does it: what works here works for the updates of later.
DEB_MAINT_PARAMS="'configure'" /etc/kernel/postinst.d/zz-update-grub
grep -q 'root=UUID=' /boot/grub/grub.cfg
