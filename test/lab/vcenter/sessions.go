package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// sessions ends idle sessions exactly on time: the simulator's own watch looks only once per time-out.
type sessions struct{ timeout time.Duration }

func newSessions(timeout time.Duration) *sessions { return &sessions{timeout} }

// list gives the living sessions.
func (l *lab) sessionList() []types.UserSession {
	registry := l.service.Context.Map
	view := (&simulator.Session{Registry: simulator.NewRegistry(), Map: registry}).Get(registry.SessionManager().Self)
	return view.(*simulator.SessionManager).SessionList
}

// endIdle ends every session that was idle for too long.
func (l *lab) endIdle() {
	for _, session := range l.sessionList() {
		if time.Since(session.LastActiveTime) > l.sessions.timeout {
			l.endSession(session.Key)
		}
	}
}

// endSession ends one session, and the leases that it holds.
func (l *lab) endSession(key string) {
	l.leases.endSession(key)
	ctx := l.context()
	ctx.Session = &simulator.Session{UserSession: types.UserSession{Key: "lab"}}
	ctx.Map.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{key}})
}

// session finds the living session of a cookie's value.
func (l *lab) session(key string) (types.UserSession, bool) {
	for _, session := range l.sessionList() {
		if session.Key == key && key != "" {
			return session, true
		}
	}
	return types.UserSession{}, false
}

func (l *lab) accountOfSession(key string) *account {
	session, ok := l.session(key)
	if !ok {
		return nil
	}
	return l.accounts[session.UserName]
}
