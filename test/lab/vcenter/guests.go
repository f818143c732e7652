package main

import "strings"

// guestNames are vSphere's names for the guest ids that the lab's tests use; others show their id.
var guestNames = map[string]string{
	"debian10_64Guest":           "Debian GNU/Linux 10 (64-bit)",
	"debian11_64Guest":           "Debian GNU/Linux 11 (64-bit)",
	"debian12_64Guest":           "Debian GNU/Linux 12 (64-bit)",
	"ubuntu64Guest":              "Ubuntu Linux (64-bit)",
	"rhel7_64Guest":              "Red Hat Enterprise Linux 7 (64-bit)",
	"rhel8_64Guest":              "Red Hat Enterprise Linux 8 (64-bit)",
	"rhel9_64Guest":              "Red Hat Enterprise Linux 9 (64-bit)",
	"rockylinux_64Guest":         "Rocky Linux (64-bit)",
	"oracleLinux9_64Guest":       "Oracle Linux 9 (64-bit)",
	"sles15_64Guest":             "SUSE Linux Enterprise 15 (64-bit)",
	"centos7_64Guest":            "CentOS 7 (64-bit)",
	"otherLinux64Guest":          "Other Linux (64-bit)",
	"otherGuest":                 "Other (32-bit)",
	"windows7Server64Guest":      "Microsoft Windows Server 2008 R2 (64-bit)",
	"windows8Server64Guest":      "Microsoft Windows Server 2012 (64-bit)",
	"windows9Server64Guest":      "Microsoft Windows Server 2016 (64-bit)",
	"windows9_64Guest":           "Microsoft Windows 10 (64-bit)",
	"windows11_64Guest":          "Microsoft Windows 11 (64-bit)",
	"windows2019srv_64Guest":     "Microsoft Windows Server 2019 (64-bit)",
	"windows2019srvNext_64Guest": "Microsoft Windows Server 2022 (64-bit)",
	"windows2022srvNext_64Guest": "Microsoft Windows Server 2025 (64-bit)",
}

func guestFullName(id string) string {
	if name, ok := guestNames[id]; ok {
		return name
	}
	return id
}

func guestFamily(id string) string {
	switch {
	case strings.HasPrefix(id, "win"):
		return "windowsGuest"
	case strings.HasPrefix(id, "other") && !strings.Contains(id, "Linux"):
		return "otherGuestFamily"
	default:
		return "linuxGuest"
	}
}
