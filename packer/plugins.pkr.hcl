# For Packer 1.7 and newer, which npm run build-image gives it by `packer init`. Packer 1.6.6 has the qemu builder in it, and refuses
# this block: that is why it has a file of its own.
packer {
  required_plugins {
    qemu = {
      version = ">= 1.0.0"
      source  = "github.com/hashicorp/qemu"
    }
  }
}
