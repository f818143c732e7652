package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// changeExtensions replaces the list of extensions by what change makes of it; false if the key is not in it.
func (l *lab) changeExtensions(ctx *simulator.Context, key string, change func(*types.Extension) []types.Extension) bool {
	manager := ctx.Map.ExtensionManager()
	found := false
	ctx.WithLock(manager, func() {
		var list []types.Extension
		for _, extension := range manager.ExtensionList {
			if extension.Key == key {
				found = true
				list = append(list, change(&extension)...)
			} else {
				list = append(list, extension)
			}
		}
		ctx.Update(manager, []types.PropertyChange{{Name: "extensionList", Val: list}})
	})
	return found
}

// UpdateExtension replaces an extension that is registered.
func (o *overlay) UpdateExtension(ctx *simulator.Context, req *types.UpdateExtension) soap.HasFault {
	body := &methods.UpdateExtensionBody{}
	if !o.lab.changeExtensions(ctx, req.Extension.Key, func(*types.Extension) []types.Extension { return []types.Extension{req.Extension} }) {
		body.Fault_ = methodFault(&types.NotFound{})
		return body
	}
	body.Res = &types.UpdateExtensionResponse{}
	return body
}

// UnregisterExtension removes an extension.
func (o *overlay) UnregisterExtension(ctx *simulator.Context, req *types.UnregisterExtension) soap.HasFault {
	body := &methods.UnregisterExtensionBody{}
	if !o.lab.changeExtensions(ctx, req.ExtensionKey, func(*types.Extension) []types.Extension { return nil }) {
		body.Fault_ = methodFault(&types.NotFound{})
		return body
	}
	body.Res = &types.UnregisterExtensionResponse{}
	return body
}

// CreateTask makes a task of an extension's, which the client itself moves on. The simulator answers before the task
// can be found.
func (o *overlay) CreateTask(ctx *simulator.Context, req *types.CreateTask) soap.HasFault {
	body := &methods.CreateTaskBody{}
	known := false
	for _, extension := range ctx.Map.ExtensionManager().ExtensionList {
		for _, task := range extension.TaskList {
			known = known || task.TaskID == req.TaskTypeId
		}
	}
	if !known {
		body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "taskType"})
		return body
	}
	if ctx.Map.Get(req.Obj) == nil {
		body.Fault_ = gone(req.Obj)
		return body
	}
	task := &simulator.Task{}
	task.Self = types.ManagedObjectReference{Type: "Task", Value: o.lab.nextTask()}
	name := req.Obj.Value
	if m := o.lab.machineOf(req.Obj); m != nil {
		name = m.config.Name
	}
	task.Info = types.TaskInfo{
		Key: task.Self.Value, Task: task.Self, DescriptionId: req.TaskTypeId, Entity: &req.Obj, EntityName: name,
		State: types.TaskInfoStateQueued, Cancelable: req.Cancelable, QueueTime: time.Now(), ParentTaskKey: req.ParentTaskKey,
		Reason: &types.TaskReasonUser{UserName: ctx.Session.UserName}, ActivationId: req.ActivationId,
	}
	o.lab.context().Map.Put(task)
	body.Res = &types.CreateTaskResponse{Returnval: task.Info}
	return body
}
