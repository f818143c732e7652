# The builder's public key comes from outside, the host key is made for this boot, the address is that of qemu's user network.
set -eu
modprobe qemu_fw_cfg
cat /sys/firmware/qemu_fw_cfg/by_name/opt/org.hoist.builder/raw > /run/hoist-build/authorized_keys
chmod 0600 /run/hoist-build/authorized_keys
ssh-keygen -q -t ed25519 -N '' -f /run/hoist-build/host_key
for link in /sys/class/net/e*; do
  ip link set "${link##*/}" up
  ip address add 10.0.2.15/24 dev "${link##*/}"
done
