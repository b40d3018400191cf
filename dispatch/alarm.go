package dispatch

import (
	"sync/atomic"
	"time"
)

// alarm expires a call when its time is over. Most calls are answered before,
// so alarms are used again: one whose timer was stopped in time has nothing of
// its call any more.
type alarm struct {
	timer *time.Timer
	call  atomic.Pointer[call]
}

func (a *alarm) ring() {
	if c := a.call.Load(); c != nil {
		c.expire()
	}
}

// setAlarm lets a call expire after its timeout.
func (d *Dispatcher) setAlarm(c *call) *alarm {
	a, used := d.alarms.Get().(*alarm)
	if !used {
		a = new(alarm)
		a.call.Store(c)
		a.timer = time.AfterFunc(c.timeout, a.ring)
		return a
	}
	a.call.Store(c)
	a.timer.Reset(c.timeout)
	return a
}

// stopAlarm ends an alarm. One that rings meanwhile belongs to its call for
// ever: its call is settled, so it comes to nothing.
func (d *Dispatcher) stopAlarm(a *alarm) {
	if a.timer.Stop() {
		a.call.Store(nil)
		d.alarms.Put(a)
	}
}
