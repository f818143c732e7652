# For Packer 1.7 and newer: `packer init packer/`. Packer 1.6.6 has the qemu builder in it, and does not know this block.
packer {
  required_plugins {
    qemu = {
      version = ">= 1.0.0"
      source  = "github.com/hashicorp/qemu"
    }
  }
}
