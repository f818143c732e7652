package main

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// account is a user; privileges nil holds all.
type account struct {
	username, password string
	privileges         map[string]bool
	denied             map[string]bool
}

// everyRole are the privileges that no role is without.
var everyRole = []string{"System.Anonymous", "System.Read", "System.View"}

// methodPrivileges is what a method asks for. Methods that are in neither table are the administrator's alone.
var methodPrivileges = map[string]string{
	"CreateSnapshot_Task": "VirtualMachine.State.CreateSnapshot", "CreateSnapshotEx_Task": "VirtualMachine.State.CreateSnapshot",
	"RemoveSnapshot_Task": "VirtualMachine.State.RemoveSnapshot", "RemoveAllSnapshots_Task": "VirtualMachine.State.RemoveSnapshot",
	"ConsolidateVMDisks_Task":      "VirtualMachine.State.RemoveSnapshot",
	"RevertToSnapshot_Task":        "VirtualMachine.State.RevertToSnapshot",
	"RevertToCurrentSnapshot_Task": "VirtualMachine.State.RevertToSnapshot",
	"RenameSnapshot":               "VirtualMachine.State.RenameSnapshot",
	"ExportSnapshot":               "VApp.Export", "ExportVm": "VApp.Export", "CreateDescriptor": "VApp.Export",
	"QueryChangedDiskAreas": "VirtualMachine.Provisioning.DiskRandomRead",
	"RegisterExtension":     "Extension.Register", "UpdateExtension": "Extension.Update", "UnregisterExtension": "Extension.Unregister",
	"SetExtensionCertificate": "Extension.Update", "SetPublicKey": "Extension.Update",
	"CreateTask": "Task.Create", "SetTaskState": "Task.Update", "SetTaskDescription": "Task.Update", "UpdateProgress": "Task.Update",
	"CancelTask":   "Global.CancelTask",
	"LogUserEvent": "Global.LogEvent", "PostEvent": "Global.LogEvent",
	"AddCustomFieldDef": "Global.ManageCustomFields", "RemoveCustomFieldDef": "Global.ManageCustomFields", "RenameCustomFieldDef": "Global.ManageCustomFields",
	"SetField": "Global.SetCustomField", "SetCustomValue": "Global.SetCustomField",
	"PowerOffVM_Task": "VirtualMachine.Interact.PowerOff", "ShutdownGuest": "VirtualMachine.Interact.PowerOff",
	"PowerOnVM_Task": "VirtualMachine.Interact.PowerOn",
	"SuspendVM_Task": "VirtualMachine.Interact.Suspend", "ResetVM_Task": "VirtualMachine.Interact.Reset", "RebootGuest": "VirtualMachine.Interact.Reset",
	"Destroy_Task": "VirtualMachine.Inventory.Delete", "UnregisterVM": "VirtualMachine.Inventory.Unregister",
	"CloneVM_Task": "VirtualMachine.Provisioning.Clone", "RelocateVM_Task": "Resource.ColdMigrate", "MarkAsTemplate": "VirtualMachine.Provisioning.MarkAsTemplate",
	"SearchDatastore_Task": "Datastore.Browse", "SearchDatastoreSubFolders_Task": "Datastore.Browse",
	"DeleteDatastoreFile_Task": "Datastore.FileManagement", "MakeDirectory": "Datastore.FileManagement",
	"AcquireGenericServiceTicket": "System.View",
	"SessionIsActive":             "Sessions.ValidateSession", "TerminateSession": "Sessions.TerminateSession",
}

// freeMethods need a session only (or not even that); the prefixes are reads.
var freeMethods = map[string]bool{
	"Login": true, "Logout": true, "LoginByToken": true, "LoginExtensionByCertificate": true, "CloneSession": true, "AcquireCloneTicket": true,
	"CurrentTime": true, "CreateFilter": true, "DestroyPropertyFilter": true, "CreatePropertyCollector": true, "DestroyPropertyCollector": true,
	"WaitForUpdates": true, "WaitForUpdatesEx": true, "CheckForUpdates": true, "CancelWaitForUpdates": true, "ContinueRetrievePropertiesEx": true,
	"CancelRetrievePropertiesEx": true, "CreateContainerView": true, "CreateListView": true, "CreateInventoryView": true, "ModifyListView": true,
	"ResetListView": true, "DestroyView": true, "HasPrivilegeOnEntities": true, "HasPrivilegeOnEntity": true, "HasUserPrivilegeOnEntities": true,
	"FetchUserPrivilegeOnEntities": true, "CreateCollectorForTasks": true, "CreateCollectorForEvents": true, "DestroyCollector": true,
	"ReadNextTasks": true, "ReadPreviousTasks": true, "ReadNextEvents": true, "ReadPreviousEvents": true, "RewindCollector": true, "ResetCollector": true,
	"Fetch": true, "RefreshDatastore": true, // System.Read [M]
}

func (l *lab) makeAccounts() error {
	l.admin = newAccount("administrator@vsphere.local", l.config.Accounts.Admin)
	l.agent = newAccount("hoist@vsphere.local", l.config.Accounts.Connector.CredConfig)
	l.agent.privileges = map[string]bool{}
	for _, privilege := range slices.Concat(everyRole, l.config.Accounts.Connector.Privileges) {
		l.agent.privileges[privilege] = true
	}
	l.accounts = map[string]*account{}
	for _, a := range []*account{l.admin, l.agent} {
		for _, privilege := range l.config.DenyPrivileges[a.username] {
			a.denied[privilege] = true
		}
		l.accounts[a.username] = a
	}
	for username := range l.config.DenyPrivileges {
		if l.accounts[username] == nil {
			return fmt.Errorf("denyPrivileges: no account %q", username)
		}
	}
	return nil
}

// newAccount makes up what the configuration does not say. vCenter's rules for passwords want one of each kind of sign.
func newAccount(username string, config CredConfig) *account {
	a := &account{username: username, password: "Lab-" + rand.Text() + "!", denied: map[string]bool{}}
	if config.Username != "" {
		a.username = config.Username
	}
	if config.Password != "" {
		a.password = config.Password
	}
	return a
}

// knownPrivileges are all that the lab has heard of.
func knownPrivileges(more map[string]bool) []string {
	all := maps.Clone(more)
	if all == nil {
		all = map[string]bool{}
	}
	for _, privilege := range everyRole {
		all[privilege] = true
	}
	for _, privilege := range methodPrivileges {
		all[privilege] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func (a *account) holds(privilege string) bool {
	return !a.denied[privilege] && (a.privileges == nil || a.privileges[privilege])
}

// missingPrivilege names the first privilege that the user lacks for the method; empty if none.
func (l *lab) missingPrivilege(user string, method *simulator.Method) string {
	a := l.accounts[user]
	if a == nil {
		return "System.View" // an extension's session or the like
	}
	for _, privilege := range neededPrivileges(method) {
		if !a.holds(privilege) {
			return privilege
		}
	}
	return ""
}

func neededPrivileges(method *simulator.Method) []string {
	name := method.Name
	if request, ok := method.Body.(*types.ReconfigVM_Task); ok {
		return reconfigurePrivileges(&request.Spec)
	}
	if privilege, ok := methodPrivileges[name]; ok {
		return []string{privilege}
	}
	for _, prefix := range []string{"Retrieve", "Query", "Find", "HttpNfcLease", "Get", "List", "Read"} {
		if strings.HasPrefix(name, prefix) {
			return nil
		}
	}
	if freeMethods[name] {
		return nil
	}
	return []string{"Lab.Unlisted." + name} // nobody but the administrator holds it
}

// reconfigurePrivileges follows the API reference: each part of a ConfigSpec has a privilege of its own.
func reconfigurePrivileges(spec *types.VirtualMachineConfigSpec) (needed []string) {
	if spec.ChangeTrackingEnabled != nil {
		needed = append(needed, "VirtualMachine.Config.ChangeTracking")
	}
	if spec.Annotation != "" {
		needed = append(needed, "VirtualMachine.Config.Annotation")
	}
	if len(spec.DeviceChange) > 0 {
		needed = append(needed, "VirtualMachine.Config.EditDevice")
	}
	if spec.NumCPUs != 0 {
		needed = append(needed, "VirtualMachine.Config.CPUCount")
	}
	if spec.MemoryMB != 0 {
		needed = append(needed, "VirtualMachine.Config.Memory")
	}
	if spec.Name != "" {
		needed = append(needed, "VirtualMachine.Config.Rename")
	}
	if len(spec.ExtraConfig) > 0 {
		needed = append(needed, "VirtualMachine.Config.AdvancedConfig")
	}
	if len(needed) == 0 {
		needed = append(needed, "VirtualMachine.Config.Settings")
	}
	return needed
}

// HasPrivilegeOnEntities answers from the same table that refuses methods.
func (o *overlay) HasPrivilegeOnEntities(ctx *simulator.Context, req *types.HasPrivilegeOnEntities) soap.HasFault {
	body := &methods.HasPrivilegeOnEntitiesBody{}
	a := o.lab.accountOfSession(req.SessionId)
	if a == nil {
		body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "sessionId"})
		return body
	}
	body.Res = &types.HasPrivilegeOnEntitiesResponse{Returnval: a.onEntities(req.Entity, req.PrivId)}
	return body
}

// HasUserPrivilegeOnEntities is the same question by user name.
func (o *overlay) HasUserPrivilegeOnEntities(ctx *simulator.Context, req *types.HasUserPrivilegeOnEntities) soap.HasFault {
	body := &methods.HasUserPrivilegeOnEntitiesBody{}
	a := o.lab.accounts[req.UserName]
	if a == nil {
		body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "userName"})
		return body
	}
	body.Res = &types.HasUserPrivilegeOnEntitiesResponse{Returnval: a.onEntities(req.Entities, req.PrivId)}
	return body
}

// HasPrivilegeOnEntity is the older form of the question.
func (o *overlay) HasPrivilegeOnEntity(ctx *simulator.Context, req *types.HasPrivilegeOnEntity) soap.HasFault {
	body := &methods.HasPrivilegeOnEntityBody{}
	a := o.lab.accountOfSession(req.SessionId)
	if a == nil {
		body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "sessionId"})
		return body
	}
	body.Res = &types.HasPrivilegeOnEntityResponse{}
	for _, privilege := range req.PrivId {
		body.Res.Returnval = append(body.Res.Returnval, a.holds(privilege))
	}
	return body
}

// FetchUserPrivilegeOnEntities lists what a user holds.
func (o *overlay) FetchUserPrivilegeOnEntities(ctx *simulator.Context, req *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	body := &methods.FetchUserPrivilegeOnEntitiesBody{}
	a := o.lab.accounts[req.UserName]
	if a == nil {
		body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "userName"})
		return body
	}
	body.Res = &types.FetchUserPrivilegeOnEntitiesResponse{}
	for _, entity := range req.Entities {
		result := types.UserPrivilegeResult{Entity: entity}
		for _, privilege := range knownPrivileges(a.privileges) {
			if a.holds(privilege) {
				result.Privileges = append(result.Privileges, privilege)
			}
		}
		body.Res.Returnval = append(body.Res.Returnval, result)
	}
	return body
}

func (a *account) onEntities(entities []types.ManagedObjectReference, privileges []string) (answer []types.EntityPrivilege) {
	for _, entity := range entities {
		one := types.EntityPrivilege{Entity: entity}
		for _, privilege := range privileges {
			one.PrivAvailability = append(one.PrivAvailability, types.PrivilegeAvailability{PrivId: privilege, IsGranted: a.holds(privilege)})
		}
		answer = append(answer, one)
	}
	return answer
}
