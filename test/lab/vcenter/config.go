package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// Config is the lab's configuration file, as far as vCenter is concerned. Keys that belong to the AWS side are
// ignored here (the orchestration checks the file as a whole); unknown keys inside a VM, host or datastore are refused.
type Config struct {
	Seed                  uint64              `json:"seed"`
	Datastores            []DatastoreConfig   `json:"datastores"`
	Hosts                 []HostConfig        `json:"hosts"`
	VMs                   []VMConfig          `json:"vms"`
	GeneratedVMs          int                 `json:"generatedVms"`
	DenyPrivileges        map[string][]string `json:"denyPrivileges"`
	NFC                   NFCConfig           `json:"nfc"`
	LeaseTimeoutSeconds   float64             `json:"leaseTimeoutSeconds"`
	SessionTimeoutSeconds float64             `json:"sessionTimeoutSeconds"`
	ChangedAreasPerPage   int                 `json:"changedAreasPerPage"`
	MaxSessions           int                 `json:"maxSessions"`
	Accounts              AccountsConfig      `json:"accounts"`
}

// AccountsConfig overrides what is made up about the two accounts.
type AccountsConfig struct {
	Admin     CredConfig      `json:"admin"`
	Connector ConnectorConfig `json:"connector"`
}

// CredConfig is an account's name and password.
type CredConfig struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// ConnectorConfig is the connector's account; it holds these privileges, those of every role, and no other.
type ConnectorConfig struct {
	CredConfig
	Privileges []string `json:"privileges"`
}

// NFCConfig says how disks are served.
type NFCConfig struct {
	// PinEncoding serves the same bytes at every lease, for benchmarks.
	PinEncoding bool `json:"pinEncoding"`
	// HostURLs gives each host a listener and certificate of its own; otherwise URLs say "https://*/nfc/...".
	HostURLs bool `json:"hostUrls"`
	// CacheDir keeps what qemu-img encoded, over several runs; default: a folder in the state directory.
	CacheDir string `json:"cacheDir"`
}

// DatastoreConfig is one datastore. Sizes in bytes.
type DatastoreConfig struct {
	Name          string `json:"name"`
	Type          string `json:"type"`
	CapacityBytes int64  `json:"capacityBytes"`
	FreeBytes     *int64 `json:"freeBytes"`
}

// HostConfig is one ESXi host of the lab's cluster.
type HostConfig struct {
	Name       string   `json:"name"`
	Datastores []string `json:"datastores"`
}

// VMConfig is one virtual machine; the fields are those of test/lab/README.md.
type VMConfig struct {
	Name            string       `json:"name"`
	GuestID         string       `json:"guestId"`
	Firmware        string       `json:"firmware"`
	SecureBoot      bool         `json:"secureBoot"`
	VTpm            bool         `json:"vTpm"`
	HardwareVersion int          `json:"hardwareVersion"`
	PowerState      string       `json:"powerState"`
	MemoryMiB       int64        `json:"memoryMiB"`
	CPUs            int32        `json:"cpus"`
	Datastore       string       `json:"datastore"`
	Host            string       `json:"host"`
	Folder          string       `json:"folder"`
	Annotation      string       `json:"annotation"`
	Tools           string       `json:"tools"`
	Template        bool         `json:"template"`
	FaultTolerance  bool         `json:"faultTolerance"`
	Nics            []NicConfig  `json:"nics"`
	ChangeTracking  bool         `json:"changeTracking"`
	Snapshots       []string     `json:"snapshots"`
	ISO             string       `json:"iso"`
	Encrypted       bool         `json:"encrypted"`
	Disks           []DiskConfig `json:"disks"`
}

// NicConfig is one network card; an empty MAC is generated.
type NicConfig struct {
	MAC       string   `json:"mac"`
	Addresses []string `json:"addresses"`
	Network   string   `json:"network"`
}

// DiskConfig is one disk: an existing raw file (used in place: guest writes change it), or a size with generated content.
type DiskConfig struct {
	Label     string   `json:"label"`
	File      string   `json:"file"`
	SizeBytes int64    `json:"sizeBytes"`
	Seed      *uint64  `json:"seed"`
	Fill      *float64 `json:"fill"`
	Kind      string   `json:"kind"`
	Mode      string   `json:"mode"`
	RDM       string   `json:"rdm"`
	Sharing   string   `json:"sharing"`
	Encrypted bool     `json:"encrypted"`
	Thick     bool     `json:"thick"`
	Datastore string   `json:"datastore"`
}

// UnmarshalJSON refuses unknown keys: a typing error in a VM must not silently give another VM.
func (c *VMConfig) UnmarshalJSON(data []byte) error {
	type plain VMConfig
	return strictJSON(data, (*plain)(c))
}

// UnmarshalJSON refuses unknown keys.
func (c *DatastoreConfig) UnmarshalJSON(data []byte) error {
	type plain DatastoreConfig
	return strictJSON(data, (*plain)(c))
}

// UnmarshalJSON refuses unknown keys.
func (c *HostConfig) UnmarshalJSON(data []byte) error {
	type plain HostConfig
	return strictJSON(data, (*plain)(c))
}

func strictJSON(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

const (
	defaultLeaseTimeoutSeconds   = 300  // vSphere's HttpNfcLeaseInfo.leaseTimeout
	defaultSessionTimeoutSeconds = 1800 // vCenter ends idle sessions after 30 minutes
	defaultAreasPerPage          = 256
	defaultMaxSessions           = 2000 // vpxd's maxSessionCount
	trackingHardwareVersion      = 7    // the first that can
	tebibyte                     = int64(1) << 40
)

// loadConfig reads the file and fills in what it leaves out.
func loadConfig(file string) (*Config, error) {
	config := &Config{}
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, config); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return config, config.complete()
}

func (c *Config) complete() error {
	if c.LeaseTimeoutSeconds == 0 {
		c.LeaseTimeoutSeconds = defaultLeaseTimeoutSeconds
	}
	if c.SessionTimeoutSeconds == 0 {
		c.SessionTimeoutSeconds = defaultSessionTimeoutSeconds
	}
	if c.ChangedAreasPerPage == 0 {
		c.ChangedAreasPerPage = defaultAreasPerPage
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = defaultMaxSessions
	}
	if len(c.Datastores) == 0 {
		c.Datastores = []DatastoreConfig{{Name: "vmfs1", Type: "VMFS"}}
	}
	for i := range c.Datastores {
		d := &c.Datastores[i]
		if d.Type == "" {
			d.Type = "VMFS"
		}
		if d.CapacityBytes == 0 {
			d.CapacityBytes = 20 * tebibyte
		}
		if d.FreeBytes == nil {
			free := d.CapacityBytes / 2
			d.FreeBytes = &free
		}
	}
	if len(c.Hosts) == 0 {
		c.Hosts = []HostConfig{{Name: "esx1.lab"}}
	}
	for i := range c.Hosts {
		if len(c.Hosts[i].Datastores) == 0 {
			for _, d := range c.Datastores {
				c.Hosts[i].Datastores = append(c.Hosts[i].Datastores, d.Name)
			}
		}
	}
	for i := range c.VMs {
		if err := c.completeVM(&c.VMs[i], uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// completeVM fills in one VM; index makes its disks' default seeds differ.
func (c *Config) completeVM(vm *VMConfig, index uint64) error {
	if vm.Name == "" {
		return fmt.Errorf("a VM without a name")
	}
	setDefault(&vm.GuestID, "debian12_64Guest")
	setDefault(&vm.Firmware, "bios")
	setDefault(&vm.PowerState, "poweredOn")
	setDefault(&vm.Host, c.Hosts[0].Name)
	if vm.Datastore == "" {
		for _, host := range c.Hosts {
			if host.Name == vm.Host {
				vm.Datastore = host.Datastores[0]
			}
		}
	}
	if vm.HardwareVersion == 0 {
		vm.HardwareVersion = 19
	}
	if vm.ChangeTracking && vm.HardwareVersion < trackingHardwareVersion {
		return fmt.Errorf("VM %s: change tracking needs hardware version %d", vm.Name, trackingHardwareVersion)
	}
	if vm.MemoryMiB == 0 {
		vm.MemoryMiB = 2048
	}
	if vm.CPUs == 0 {
		vm.CPUs = 1
	}
	for i := range vm.Disks {
		disk := &vm.Disks[i]
		setDefault(&disk.Label, fmt.Sprintf("Hard disk %d", i+1))
		setDefault(&disk.Mode, "persistent")
		setDefault(&disk.Kind, "data")
		setDefault(&disk.Datastore, vm.Datastore)
		if disk.Seed == nil {
			seed := c.Seed*1_000_003 + index*1009 + uint64(i)
			disk.Seed = &seed
		}
		if disk.Fill == nil {
			half := 0.5
			disk.Fill = &half
		}
		if disk.File == "" && (disk.SizeBytes <= 0 || disk.SizeBytes%512 != 0) {
			return fmt.Errorf("VM %s: disk %q needs a file, or sizeBytes as a multiple of 512", vm.Name, disk.Label)
		}
	}
	return nil
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}
