package main

import (
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// overlay carries the methods that the lab answers instead of the simulator. Calls reach it because handle rewrites
// the receiver; the request's own This stays the real one. It holds no state and takes no lock of the simulator's.
type overlay struct {
	mo.OvfManager // the simulator wants a managed object as the first field
	lab           *lab
}

// Lock opts out of the simulator's lock per object.
func (*overlay) Lock() {}

// Unlock is the other half.
func (*overlay) Unlock() {}

// lostCollector answers property reads without a session, as vCenter does: a good answer full of faults.
type lostCollector struct {
	mo.OvfManager
}

// Lock opts out of the simulator's lock per object.
func (*lostCollector) Lock() {}

// Unlock is the other half.
func (*lostCollector) Unlock() {}

var (
	overlayRef = types.ManagedObjectReference{Type: "LabOverlay", Value: "overlay"}
	lostRef    = types.ManagedObjectReference{Type: "LabOverlay", Value: "lost"}
)

// overlaid lists the methods that overlay answers, by the receiver's type.
var overlaid = map[string]bool{
	"VirtualMachine.CreateSnapshot_Task": true, "VirtualMachine.CreateSnapshotEx_Task": true,
	"VirtualMachine.RemoveAllSnapshots_Task": true, "VirtualMachine.RevertToCurrentSnapshot_Task": true,
	"VirtualMachine.ConsolidateVMDisks_Task": true, "VirtualMachine.QueryChangedDiskAreas": true,
	"VirtualMachine.ReconfigVM_Task": true, "VirtualMachine.PowerOnVM_Task": true, "VirtualMachine.PowerOffVM_Task": true,
	"VirtualMachine.ShutdownGuest": true, "VirtualMachine.Destroy_Task": true, "VirtualMachine.ExportVm": true,
	"VirtualMachineSnapshot.RemoveSnapshot_Task": true, "VirtualMachineSnapshot.RevertToSnapshot_Task": true,
	"VirtualMachineSnapshot.ExportSnapshot":       true,
	"OvfManager.CreateDescriptor":                 true,
	"AuthorizationManager.HasPrivilegeOnEntities": true, "AuthorizationManager.HasPrivilegeOnEntity": true,
	"AuthorizationManager.HasUserPrivilegeOnEntities": true, "AuthorizationManager.FetchUserPrivilegeOnEntities": true,
	"TaskManager.CreateTask": true, "ExtensionManager.UpdateExtension": true, "ExtensionManager.UnregisterExtension": true,
	"Datastore.RefreshDatastore": true,
}

// install puts the overlay in front of the simulator's dispatch.
func (l *lab) install() {
	registry := l.service.Context.Map
	registry.Put(&overlay{OvfManager: mo.OvfManager{Self: overlayRef}, lab: l})
	registry.Put(&lostCollector{mo.OvfManager{Self: lostRef}})
	registry.SessionManager().ValidLogin = func(req *types.Login) bool {
		a := l.accounts[req.UserName]
		return a != nil && a.password == req.Password
	}
	registry.Handler = l.handle
}

// handle sees every call before the simulator does.
func (l *lab) handle(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	session := ctx.Session
	if session != nil && session.UserName == "" {
		return nil, nil // the simulator's own calls
	}
	user := ""
	if session != nil {
		user = session.UserName
	}
	var receiver mo.Reference
	if method.This.Type == "" { // some clients leave the type out, and vCenter minds as little
		if receiver = l.byValue(method.This.Value); receiver != nil {
			method.This = receiver.Reference()
		}
	}
	l.requests.add(requestEntry{Method: method.Name, This: method.This.Value, User: user})
	byMethod := func(f *fault) bool { return f.Method == method.Name }
	if held := l.faults.peek("hold", byMethod); held != nil {
		<-held.released
	}
	if order := l.faults.take("soap", byMethod); order != nil {
		return nil, newMethodFault(order.Fault)
	}
	if session != nil && l.faults.take("sessionEnd", byMethod) != nil {
		l.endSession(session.Key)
		session = nil
	}
	if session == nil {
		return l.handleLost(ctx, method, receiver)
	}
	if missing := l.missingPrivilege(user, method); missing != "" {
		this := method.This
		return nil, &types.NoPermission{
			Object: &this, PrivilegeId: missing,
			MissingPrivileges: []types.NoPermissionEntityPrivileges{{Entity: this, PrivilegeIds: []string{missing}}},
		}
	}
	if method.Name == "Logout" {
		l.leases.endSession(session.Key)
	}
	if overlaid[method.This.Type+"."+method.Name] {
		method.This = overlayRef
	}
	return nil, nil
}

// openWithoutSession are what a client may call before it logs in.
var openWithoutSession = map[string]bool{
	"Login": true, "LoginByToken": true, "LoginExtensionByCertificate": true, "CloneSession": true, "RetrieveServiceContent": true, "CurrentTime": true,
}

// handleLost decides about a call without a (living) session. The receiver is set only if it had to be looked up.
func (l *lab) handleLost(ctx *simulator.Context, method *simulator.Method, receiver mo.Reference) (mo.Reference, types.BaseMethodFault) {
	this := method.This
	switch request := method.Body.(type) {
	case *types.RetrievePropertiesEx:
		if !readsOpenObjects(request.SpecSet) {
			method.This = lostRef
			return ctx.Map.Get(lostRef), nil
		}
		return receiver, nil
	case *types.RetrieveProperties:
		if !readsOpenObjects(request.SpecSet) {
			method.This = lostRef
			return ctx.Map.Get(lostRef), nil
		}
		return receiver, nil
	}
	if openWithoutSession[method.Name] {
		return receiver, nil
	}
	return nil, notAuthenticated(this)
}

func notAuthenticated(this types.ManagedObjectReference) *types.NotAuthenticated {
	return &types.NotAuthenticated{NoPermission: types.NoPermission{Object: &this, PrivilegeId: "System.View"}}
}

// readsOpenObjects tells whether only objects are read that vCenter shows to everyone.
func readsOpenObjects(specs []types.PropertyFilterSpec) bool {
	for _, spec := range specs {
		for _, object := range spec.ObjectSet {
			if kind := object.Obj.Type; (kind != "ServiceInstance" && kind != "SessionManager") || len(object.SelectSet) > 0 {
				return false
			}
		}
	}
	return true
}

// RetrievePropertiesEx answers 200 with everything in missingSet: the second shape of a lost session.
func (*lostCollector) RetrievePropertiesEx(req *types.RetrievePropertiesEx) soap.HasFault {
	return &methods.RetrievePropertiesExBody{Res: &types.RetrievePropertiesExResponse{
		Returnval: &types.RetrieveResult{Objects: missingObjects(req.SpecSet)},
	}}
}

// RetrieveProperties is the older form.
func (*lostCollector) RetrieveProperties(req *types.RetrieveProperties) soap.HasFault {
	return &methods.RetrievePropertiesBody{Res: &types.RetrievePropertiesResponse{Returnval: missingObjects(req.SpecSet)}}
}

func missingObjects(specs []types.PropertyFilterSpec) (objects []types.ObjectContent) {
	for _, spec := range specs {
		for _, object := range spec.ObjectSet {
			content := types.ObjectContent{Obj: object.Obj}
			paths := map[string]bool{}
			for _, properties := range spec.PropSet {
				for _, path := range properties.PathSet {
					paths[path] = true
				}
			}
			if len(paths) == 0 {
				paths["name"] = true
			}
			for path := range paths {
				content.MissingSet = append(content.MissingSet, types.MissingProperty{Path: path, Fault: types.LocalizedMethodFault{
					Fault: notAuthenticated(object.Obj), LocalizedMessage: faultMessage("NotAuthenticated"),
				}})
			}
			objects = append(objects, content)
		}
	}
	return objects
}

// methodFault wraps a vSphere fault with the text that vCenter gives it.
func methodFault(fault types.BaseMethodFault) *soap.Fault {
	return simulator.Fault(faultMessage(faultName(fault)), fault)
}

func faultName(fault types.BaseMethodFault) string {
	name := strings.TrimPrefix(typeName(fault), "*types.")
	return name
}
