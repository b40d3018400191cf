package ring

import (
	"encoding/json"
	"fmt"
)

// body is the JSON of a ring. Runs are pairs of a number of slots and the index
// of their member (-1: none), from slot 0 on: [[86,0],[85,1],[85,2]].
type body struct {
	Version Number   `json:"version"`
	Slots   int      `json:"slots"`
	Members []Member `json:"members"`
	Runs    [][2]int `json:"runs"`
}

// MarshalJSON writes the ring with its assignment run-length coded, the form
// that docs/ring.md describes.
func (r Ring) MarshalJSON() ([]byte, error) {
	out := body{Version: r.Version, Slots: r.Slots, Members: r.Members, Runs: [][2]int{}}
	if out.Members == nil {
		out.Members = []Member{}
	}
	for _, run := range r.Assignment.Runs() {
		out.Runs = append(out.Runs, [2]int{run.Count, run.Member})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses what is not a ring.
func (r *Ring) UnmarshalJSON(b []byte) error {
	var in body
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	if len(in.Runs) > MaxSlots { // no run is empty
		return fmt.Errorf("read ring: %d runs, at most %d are possible", len(in.Runs), MaxSlots)
	}
	runs, first := make([]Run, len(in.Runs)), 0
	for i, pair := range in.Runs {
		runs[i] = Run{First: Slot(first), Count: pair[0], Member: pair[1]}
		first += pair[0]
	}
	assignment, err := FromRuns(in.Slots, runs)
	if err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	out := Ring{Version: in.Version, Slots: in.Slots, Members: in.Members, Assignment: assignment}
	if err := out.Validate(); err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	*r = out
	return nil
}
