package transfer

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Format is the number of the file's form that this binary writes and reads.
const Format = 1

// Header is the first line of a file.
type Header struct {
	Format int    `json:"ringhold_export"`
	Group  string `json:"group"`
	Slots  int    `json:"slots"`
	// EventsOnly says that snapshots, states and alarms were left out, since
	// the group was in use.
	EventsOnly bool `json:"events_only,omitempty"`
	// Heads say which events the file has: those up to each slot's head, as it
	// was when the export began. An export that goes on goes on to them.
	Heads Heads `json:"heads"`
}

// Heads are where the logs of a file end, in the order of slots; slots without
// events are left out. Its JSON is an array of [slot, offset, epoch].
type Heads []store.SlotHead

// MarshalJSON writes the array.
func (h Heads) MarshalJSON() ([]byte, error) {
	out := make([][3]int64, len(h))
	for i, s := range h {
		out[i] = [3]int64{int64(s.Slot), int64(s.Head.Offset), int64(s.Head.Epoch)}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads the array.
func (h *Heads) UnmarshalJSON(b []byte) error {
	var in [][]int64
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*h = make(Heads, len(in))
	for i, s := range in {
		if len(s) != 3 || s[0] < 0 || s[0] > ring.MaxSlots {
			return fmt.Errorf("heads[%d] is %v, not slot, offset and epoch", i, s)
		}
		(*h)[i] = store.SlotHead{Slot: ring.Slot(s[0]), Head: store.Head{Offset: store.Offset(s[1]), Epoch: store.Epoch(s[2])}}
	}
	return nil
}

// events is how many events there are up to the heads.
func (h Heads) events() (n int64) {
	for _, s := range h {
		n += int64(s.Head.Offset) + 1
	}
	return n
}

// validate reports why h cannot head a file that this binary reads.
func (h *Header) validate() error {
	switch {
	case h.Format != Format:
		return fmt.Errorf("ringhold_export is %d, this binary reads %d: use a release that reads it", h.Format, Format)
	case h.Group == "":
		return errors.New("group is missing")
	}
	if err := ring.ValidateSlots(h.Slots); err != nil {
		return fmt.Errorf("slots: %w", err)
	}
	last := -1
	for i, s := range h.Heads {
		if int(s.Slot) <= last || int(s.Slot) >= h.Slots || s.Head.Offset < 0 || s.Head.Epoch < 1 {
			return fmt.Errorf("heads[%d] is not the head of a slot behind %d and below %d", i, last, h.Slots)
		}
		last = int(s.Slot)
	}
	return nil
}

// Trailer is the last line of a file: {"end":{…}}.
type Trailer struct {
	Events    int64  `json:"events"`
	Snapshots int64  `json:"snapshots"`
	States    int64  `json:"states"`
	Alarms    int64  `json:"alarms"`
	Log       string `json:"log"`  // the log's hash
	Rest      string `json:"rest"` // the SHA-256 of the lines of header, snapshots, states and alarms
}

// LineError is a fault of one line of a file.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }
