package store

// Append is one transaction of a writer. Its events are in the order of their
// offsets within each slot, and the first offset of a slot is that of the
// claimed head plus one; several slots and several aggregates may share it.
type Append struct {
	Member MemberID
	Writer WriterID
	Gen    Generation

	// Claims has one entry for each slot that Events, States, Snapshots or
	// Alarms touch.
	Claims []Claim

	Events    []Event
	Snapshots []Snapshot
	States    []State
	Alarms    []Alarm
}
