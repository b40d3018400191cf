package postgres

import "github.com/ringhold/ringhold/store"

// snapshots are five parameters.
func (p *params) snapshots(snapshots []store.Snapshot) {
	n := len(snapshots)
	p.listOrNull(oidText, n)
	for i := range snapshots {
		p.addText(string(snapshots[i].Stream))
	}
	p.listOrNull(oidInt8, n)
	for i := range snapshots {
		p.addInt8(int64(snapshots[i].Version))
	}
	p.listOrNull(oidInt4, n)
	for i := range snapshots {
		p.addInt4(int32(snapshots[i].Schema)) //nolint:gosec // schema numbers are small
	}
	p.listOrNull(oidInt2, n)
	for i := range snapshots {
		p.addInt2(int16(snapshots[i].Encoding))
	}
	p.listOrNull(oidBytea, n)
	for i := range snapshots {
		p.addBytes(snapshots[i].Data)
	}
}

// states are seven parameters.
func (p *params) states(states []store.State) {
	n := len(states)
	p.listOrNull(oidText, n)
	for i := range states {
		p.addText(string(states[i].Stream))
	}
	p.listOrNull(oidInt4, n)
	for i := range states {
		p.addInt4(int32(states[i].Slot))
	}
	p.listOrNull(oidInt8, n)
	for i := range states {
		p.addInt8(int64(states[i].Version))
	}
	p.listOrNull(oidInt4, n)
	for i := range states {
		p.addInt4(int32(states[i].Schema)) //nolint:gosec // schema numbers are small
	}
	p.listOrNull(oidInt2, n)
	for i := range states {
		p.addInt2(int16(states[i].Encoding))
	}
	p.listOrNull(oidBytea, n)
	for i := range states {
		p.addBytes(states[i].Data)
	}
	p.listOrNull(oidText, n)
	for i := range states {
		p.addBytes(store.EncodeRecent(states[i].Recent))
	}
}

// alarms are five parameters.
func (p *params) alarms(alarms []store.Alarm) {
	n := len(alarms)
	p.listOrNull(oidText, n)
	for i := range alarms {
		p.addText(alarms[i].ID)
	}
	p.listOrNull(oidText, n)
	for i := range alarms {
		p.addText(string(alarms[i].Stream))
	}
	p.listOrNull(oidInt4, n)
	for i := range alarms {
		p.addInt4(int32(alarms[i].Slot))
	}
	p.listOrNull(oidTimestamptz, n)
	for i := range alarms {
		p.addInt8(toPostgres(alarms[i].DueAt))
	}
	p.listOrNull(oidBytea, n)
	for i := range alarms {
		p.addBytes(alarms[i].Message)
	}
}
