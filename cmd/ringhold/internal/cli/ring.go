package cli

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/ring"
)

func ringCommand() *cobra.Command {
	var s session
	cmd := &cobra.Command{
		Use:   "ring",
		Short: "Show the members, their slots and how they are doing",
		Long: `Shows the newest ring that the server knows: its members, how many slots each should
own, and, where a member answers, how many aggregates it has in memory and how
many messages wait.`,
		Example: `  ringhold ring
  ringhold ring -o json | jq -c .assignment[]`,
		Args:              takes(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			r, err := c.Ring(cmd.Context())
			if err != nil {
				return failed(err)
			}
			status, err := c.Status(cmd.Context(), "")
			if err != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "how the members are doing is not known: %v\n", err)
			}
			return printRing(cmd, s.output, r, status)
		},
	}
	s.flags(cmd, formatTable)
	return cmd
}

type ringJSON struct {
	Version    ring.Number  `json:"version"`
	Slots      int          `json:"slots"`
	Members    []memberJSON `json:"members"`
	Assignment []runJSON    `json:"assignment"`
}

// runJSON is a run of neighbouring slots with the same member.
type runJSON struct {
	First  ring.Slot     `json:"first_slot"`
	Count  int           `json:"count"`
	Member ring.MemberID `json:"member"`
}

type memberJSON struct {
	ID      ring.MemberID      `json:"id"`
	Address string             `json:"address,omitempty"`
	State   client.MemberState `json:"state"`
	Pod     string             `json:"pod,omitempty"`
	PodUID  string             `json:"pod_uid,omitempty"`
	Slots   *int               `json:"slots,omitempty"` // as the ring says
	Status  *statusJSON        `json:"status,omitempty"`
}

// statusJSON is how a member is doing, in its own words.
type statusJSON struct {
	BinaryVersion string      `json:"binary_version,omitempty"`
	StartedAt     *time.Time  `json:"started_at,omitempty"`
	LeaseLeft     string      `json:"lease_left,omitempty"`
	RingVersion   ring.Number `json:"ring_version,omitempty"`
	SlotsOwned    int         `json:"slots_owned"`
	Actors        uint64      `json:"actors"`
	Waiting       uint64      `json:"waiting"`
	Quarantined   []string    `json:"quarantined,omitempty"`
	Unreachable   string      `json:"unreachable,omitempty"`
}

func memberDocument(m client.Member) memberJSON {
	return memberJSON{ID: m.ID, Address: m.Address, State: m.State, Pod: m.Pod, PodUID: m.PodUID}
}

func statusDocument(s client.MemberStatus) *statusJSON {
	out := &statusJSON{
		BinaryVersion: s.BinaryVersion, RingVersion: s.Ring, SlotsOwned: s.Slots, Actors: s.Actors, Waiting: s.Waiting,
		Quarantined: s.Quarantined, Unreachable: s.Unreachable,
	}
	if s.LeaseLeft != 0 {
		out.LeaseLeft = s.LeaseLeft.String()
	}
	if !s.StartedAt.IsZero() {
		out.StartedAt = &s.StartedAt
	}
	return out
}

func printRing(cmd *cobra.Command, f format, r client.Ring, status []client.MemberStatus) error {
	out := cmd.OutOrStdout()
	byID := map[ring.MemberID]client.MemberStatus{}
	for _, s := range status {
		byID[s.Member.ID] = s
	}
	if f == formatJSON {
		return jsonLine(out, ringDocument(r, byID))
	}
	fmt.Fprintf(out, "ring %d: %d slots, %d members\n", r.Version, r.Slots, len(r.Members))
	t := newTable(out, "MEMBER", "ADDRESS", "STATE", "SLOTS", "ACTORS", "WAITING", "")
	for i, m := range r.Members {
		s, known := byID[m.ID]
		actors, waiting, remark := "-", "-", ""
		switch {
		case s.Unreachable != "":
			remark = "unreachable: " + s.Unreachable
		case known:
			actors, waiting = fmt.Sprint(s.Actors), fmt.Sprint(s.Waiting)
			if n := len(s.Quarantined); n > 0 {
				remark = fmt.Sprintf("%d quarantined: %s", n, s.Quarantined[0])
			}
		}
		t.row(m.ID, cmp.Or(m.Address, "-"), m.State, r.SlotsOf(i), actors, waiting, remark)
	}
	return t.flush()
}

func ringDocument(r client.Ring, status map[ring.MemberID]client.MemberStatus) ringJSON {
	out := ringJSON{Version: r.Version, Slots: r.Slots, Members: []memberJSON{}, Assignment: []runJSON{}}
	for i, m := range r.Members {
		doc, slots := memberDocument(m), r.SlotsOf(i)
		doc.Slots = &slots
		if s, known := status[m.ID]; known {
			doc.Status = statusDocument(s)
		}
		out.Members = append(out.Members, doc)
	}
	for _, run := range r.Runs {
		doc := runJSON{First: run.First, Count: run.Count}
		if run.Member < len(r.Members) {
			doc.Member = r.Members[run.Member].ID
		}
		out.Assignment = append(out.Assignment, doc)
	}
	return out
}
