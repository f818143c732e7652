package main

import (
	"fmt"
	"log"
	"net/http"
	"time"
)

// What the control port does when a test orders a fault, and when the fault ends.

func (l *lab) postFault(r *http.Request) (any, error) {
	order := &fault{}
	if err := readJSON(r, order); err != nil {
		return nil, err
	}
	if order.Kind == "sessionEnd" && order.Method == "" { // now, and not at some method
		for _, session := range l.sessionList() {
			l.endSession(session.Key)
		}
		return map[string]int{"id": 0}, nil
	}
	if order.Kind == "datastoreFull" {
		if l.datastores[order.Datastore].Value == "" {
			return nil, fmt.Errorf("no datastore %q", order.Datastore)
		}
		l.setFreeSpace(order.Datastore, order.FreeBytes)
	}
	if order.Kind == "leaseLost" {
		return map[string]int{"id": 0, "struck": l.loseLeases(order)}, nil
	}
	if (order.Kind == "hold" || order.Kind == "taskHold") && order.Method == "" {
		return nil, fmt.Errorf("%s needs a method", order.Kind)
	}
	if err := l.faults.add(order); err != nil {
		return nil, err
	}
	if order.Kind == "away" {
		l.lines.strike(order)
	}
	if order.Seconds > 0 {
		time.AfterFunc(time.Duration(order.Seconds*float64(time.Second)), func() {
			if err := l.endFaults(l.faults.remove(order.ID)); err != nil {
				log.Fatalf("fault %d does not end: %v", order.ID, err)
			}
		})
	}
	return map[string]int{"id": order.ID}, nil
}

// loseLeases ends the open leases, or those of one VM, as a host that fails does.
func (l *lab) loseLeases(order *fault) (struck int) {
	if order.Fault == "" {
		order.Fault = "HostCommunication"
	}
	for _, one := range l.leases.list() {
		if order.VM == "" || order.VM == one.machine.config.Name {
			failed := order.asTaskFault()
			one.fail(failed.fault, failed.message)
			struck++
		}
	}
	return struck
}

// postFree sets what the hosts see of a datastore. vCenter's summary shows it at the next RefreshDatastore.
func (l *lab) postFree(r *http.Request) (any, error) {
	var body struct {
		FreeBytes int64 `json:"freeBytes"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	if l.datastores[name].Value == "" {
		return nil, fmt.Errorf("no datastore %q", name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.datastoreFree[name] = body.FreeBytes
	return body, nil
}

// endFaults puts right what faults had changed.
func (l *lab) endFaults(ended []*fault) error {
	for _, order := range ended {
		if order.Kind == "datastoreFull" {
			l.setFreeSpace(order.Datastore, *l.datastoreSize[order.Datastore].FreeBytes)
		}
		if order.Kind == "away" {
			if err := l.lines.listen(); err != nil {
				return err
			}
		}
	}
	return nil
}
