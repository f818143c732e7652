# The release and its units, put on the base disk by the machine itself. `npm run build-image` gives the variables.

variable "base" {
  type = string
}

variable "disk_mib" {
  type = string
}

# kvm or tcg
variable "accelerator" {
  type = string
}

# A directory with payload.tar, and the key of this build: builder, builder.pub
variable "work" {
  type = string
}

variable "out" {
  type = string
}

# Seconds since 1970, for what writes dates
variable "epoch" {
  type = string
}

source "qemu" "system" {
  disk_image       = true
  iso_url          = var.base
  iso_checksum     = "none"
  use_backing_file = true
  disk_size        = "${var.disk_mib}M"
  format           = "qcow2"
  skip_compaction  = true
  disk_interface   = "virtio"
  # What is deleted in the machine must not stay in the disk.
  disk_discard       = "unmap"
  disk_detect_zeroes = "unmap"
  net_device         = "virtio-net"
  accelerator        = var.accelerator
  headless           = true
  disable_vnc        = true
  boot_wait          = "0s"
  display            = "none"
  output_directory   = var.out
  vm_name            = "system.qcow2"

  qemu_img_args {
    create = ["-F", "raw"]
  }

  qemuargs = [
    ["-m", "2048M"],
    ["-smp", "2"],
    ["-cpu", "${var.accelerator == "kvm" ? "host" : "max"}"],
    ["-fw_cfg", "name=opt/org.hoist.builder,file=${var.work}/builder.pub"],
  ]

  ssh_username         = "root"
  ssh_private_key_file = "${var.work}/builder"
  ssh_timeout          = "5m"
  shutdown_command     = "systemctl poweroff"
}

build {
  sources = ["source.qemu.system"]

  provisioner "file" {
    source      = "${var.work}/payload.tar"
    destination = "/run/payload.tar"
  }

  provisioner "shell" {
    environment_vars = ["SOURCE_DATE_EPOCH=${var.epoch}"]
    remote_folder    = "/run"
    # Nothing in /run may be executed as such.
    execute_command = "{{.Vars}} sh {{.Path}}"
    scripts = [
      "${path.root}/provision/install.sh",
      "${path.root}/provision/clean-up.sh",
    ]
  }
}
