package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// taskFault is a task's error with the text that vCenter shows for it.
type taskFault struct {
	fault   types.BaseMethodFault
	message string
}

// runTask starts a vCenter task of ours. Method is the SOAP method, e.g. "CreateSnapshot_Task". It is its own runner
// because the simulator's holds the VM's lock to the end, blames "vcsim" and words errors as Go types.
func (l *lab) runTask(ctx *simulator.Context, entity types.ManagedObjectReference, method string, run func() (types.AnyType, *taskFault)) types.ManagedObjectReference {
	name := strings.TrimSuffix(method, "_Task")
	user := ""
	if ctx.Session != nil {
		user = ctx.Session.UserName
	}
	entityName := entity.Value
	if m := l.machineOf(entity); m != nil {
		entityName = m.config.Name
	}
	task := &simulator.Task{}
	task.Self = types.ManagedObjectReference{Type: "Task", Value: l.nextTask()}
	now := time.Now()
	task.Info = types.TaskInfo{
		Key: task.Self.Value, Task: task.Self, Name: method, DescriptionId: entity.Type + "." + strings.ToLower(name[:1]) + name[1:],
		Entity: &entity, EntityName: entityName, State: types.TaskInfoStateRunning, QueueTime: now, StartTime: &now,
		Reason: &types.TaskReasonUser{UserName: user},
	}
	own := l.context()
	own.Map.Put(task)
	go func() {
		var result types.AnyType
		l.holdTask(own, task, method)
		failed := l.faults.task(method)
		if failed == nil {
			failed = l.blockedByLease(entity, method)
		}
		if failed == nil {
			result, failed = run()
		}
		state := types.TaskInfoStateSuccess
		var problem any
		if failed != nil {
			state = types.TaskInfoStateError
			problem = types.LocalizedMethodFault{Fault: failed.fault, LocalizedMessage: failed.message}
		}
		own.Map.AtomicUpdate(own, task, []types.PropertyChange{
			{Name: "info.completeTime", Val: time.Now()},
			{Name: "info.result", Val: result},
			{Name: "info.error", Val: problem},
			{Name: "info.progress", Val: int32(100)},
			{Name: "info.state", Val: state},
		})
	}()
	return task.Self
}

// holdTask keeps a task in the state that a test ordered, until the test has enough.
func (l *lab) holdTask(own *simulator.Context, task *simulator.Task, method string) {
	held := l.faults.peek("taskHold", func(f *fault) bool { return f.Method == method })
	if held == nil {
		return
	}
	show := func(state types.TaskInfoState) {
		own.Map.AtomicUpdate(own, task, []types.PropertyChange{{Name: "info.state", Val: state}})
	}
	if held.State != "" {
		show(types.TaskInfoState(held.State))
	}
	<-held.released
	show(types.TaskInfoStateRunning)
}

// blockedByLease refuses what alters a VM while a lease of it is held, if a test ordered the lab to be that strict.
func (l *lab) blockedByLease(entity types.ManagedObjectReference, method string) *taskFault {
	altering := []string{"RemoveSnapshot_Task", "RemoveAllSnapshots_Task", "ConsolidateVMDisks_Task", "RevertToSnapshot_Task", "Destroy_Task"}
	if !slices.Contains(altering, method) || l.faults.peek("leaseBlocks", nil) == nil {
		return nil
	}
	for _, one := range l.leases.list() {
		if one.machine.ref == entity {
			return &taskFault{&types.TaskInProgress{}, faultMessage("TaskInProgress")}
		}
	}
	return nil
}

// systemFault is a task's error for something that went wrong in the lab itself.
func systemFault(err error) *taskFault {
	return &taskFault{
		&types.SystemError{RuntimeFault: types.RuntimeFault{}, Reason: err.Error()},
		fmt.Sprintf("A general system error occurred: %s", err),
	}
}

// removeTask takes a task that the lab itself caused out of Recent Tasks.
func (l *lab) removeTask(task types.ManagedObjectReference, vm *simulator.VirtualMachine) {
	ctx := l.context()
	ctx.Map.Remove(ctx, task)
	manager := l.taskManager()
	manager.Lock()
	simulator.RemoveReference(&manager.RecentTask, task)
	manager.Unlock()
	if folder, ok := ctx.Map.Get(*vm.Parent).(*simulator.Folder); ok {
		ctx.WithLock(folder, func() { simulator.RemoveReference(&folder.RecentTask, task) })
	}
	ctx.WithLock(vm, func() { vm.RecentTask = nil })
}

func (l *lab) taskManager() *simulator.TaskManager {
	content := l.client.ServiceContent
	return l.service.Context.Map.Get(*content.TaskManager).(*simulator.TaskManager)
}

// clearTasks forgets what the making of the inventory left in Recent Tasks.
func (l *lab) clearTasks() {
	ctx := l.context()
	for _, object := range ctx.Map.AllReference("Task") {
		ctx.Map.Remove(ctx, object.Reference())
	}
	l.taskManager().RecentTask = nil
	for _, entity := range ctx.Map.All("") {
		entity.Entity().RecentTask = nil
	}
}
