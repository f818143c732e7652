// The Debian packages of the image (without what they only recommend), by what the appliance needs them for.

export const packages: readonly string[] = Object.values({
  machine: ['linux-image-cloud-amd64', 'initramfs-tools', 'systemd-sysv', 'dbus', 'udev', 'kmod', 'login', 'passwd'],
  disks: ['e2fsprogs'],
  boot: ['grub2-common', 'grub-pc-bin', 'grub-efi-amd64-bin'],
  network: [
    'systemd-resolved',
    'systemd-timesyncd',
    'iproute2',
    'iputils-ping',
    'nftables',
    'hostname',
    'ca-certificates',
  ],
  virtualMachine: ['open-vm-tools'],
  access: ['openssh-server', 'less'],
  updates: ['unattended-upgrades'],
  runtime: ['libstdc++6', 'libatomic1', 'tzdata'],
  sealedKey: ['libtss2-esys-3.0.2-0', 'libtss2-mu0', 'libtss2-rc0', 'libtss2-tcti-device0'],
}).flat()
