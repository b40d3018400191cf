package cli

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func eventsCommand() *cobra.Command {
	var s session
	var from int64
	var limit uint64
	var commands bool
	cmd := &cobra.Command{
		Use:   "events STREAM ID",
		Short: "Print the events of an aggregate",
		Long: `Prints the events of one aggregate in the order of their versions, one JSON
document a line. Those of a deleted aggregate stay readable; those of an erased
one come without their data.`,
		Example: `  ringhold events accounts acc-1
  ringhold events accounts acc-1 -o table
  ringhold events packages bash --from 10 --limit 5 | jq .data
  ringhold events accounts acc-1 --commands | jq 'select(.command) | .command.service'`,
		Args:              takes(2, "STREAM", "ID"),
		ValidArgsFunction: s.completeAggregate,
		RunE: func(cmd *cobra.Command, args []string) error {
			stream, id, err := aggregateOf(args)
			if err != nil {
				return err
			}
			if from < 0 {
				return usage("--from is %d: the first event has version 0", from)
			}
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			return printStored(cmd, s.output, c, stream, id, client.EventsOptions{
				From: message.Version(from), Limit: limit, WithCommands: commands,
			})
		},
	}
	s.flags(cmd, formatJSON)
	cmd.Flags().Int64Var(&from, "from", 0, "version of the first event to print")
	cmd.Flags().Uint64Var(&limit, "limit", 0, "the most events to print; 0 is all")
	cmd.Flags().BoolVar(&commands, "commands", false, "print each command with its first event")
	return cmd
}

// eventJSON is a stored event as a document: what a person reads stands first.
type eventJSON struct {
	Version       message.Version     `json:"version"`
	Type          string              `json:"type"`
	Data          json.RawMessage     `json:"data,omitempty"`
	RecordedAt    *time.Time          `json:"recorded_at,omitempty"`
	MessageID     message.ID          `json:"message_id,omitempty"`
	Metadata      json.RawMessage     `json:"metadata,omitempty"`
	SchemaVersion int                 `json:"schema_version"`
	Stream        message.StreamName  `json:"stream"`
	ID            message.AggregateID `json:"aggregate_id"`
	Slot          ring.Slot           `json:"slot"`
	Offset        store.Offset        `json:"offset"`
	Epoch         store.Epoch         `json:"epoch"`
	Erased        bool                `json:"erased,omitempty"`
	Command       *commandJSON        `json:"command,omitempty"`
}

type commandJSON struct {
	Service  message.ServiceName `json:"service"`
	Request  json.RawMessage     `json:"request,omitempty"`
	Response *answerJSON         `json:"response,omitempty"`
}

func eventDocument(e client.Event) eventJSON {
	out := eventJSON{
		Version: e.Version, Type: e.Type, Data: raw(e.Data), MessageID: e.MessageID, Metadata: e.Metadata,
		SchemaVersion: e.SchemaVersion, Stream: e.Stream, ID: e.ID, Slot: e.Slot, Offset: e.Offset, Epoch: e.Epoch, Erased: e.Erased,
	}
	if !e.RecordedAt.IsZero() {
		out.RecordedAt = &e.RecordedAt
	}
	if e.Command != nil {
		out.Command = &commandJSON{Service: e.Command.Service, Request: raw(e.Command.Request)}
		if r := e.Command.Response; r != nil {
			out.Command.Response = storedResponse(r)
		}
	}
	return out
}

// storedResponse is the response that a command was answered with.
func storedResponse(r message.Response) *answerJSON {
	out := refusalJSON(r)
	switch r.(type) { //nolint:gochecksumtype // all others are refusals
	case message.OK, message.Created:
		out = document(client.Result{Response: r}, nil)
	}
	return &out
}

func printStored(cmd *cobra.Command, f format, c *client.Client, stream message.StreamName, id message.AggregateID, o client.EventsOptions) error {
	out := cmd.OutOrStdout()
	var t *table
	if f == formatTable {
		t = newTable(out, "VERSION", "TYPE", "RECORDED", "DATA")
	}
	for e, err := range c.Events(cmd.Context(), stream, id, o) {
		if err != nil {
			return failed(err)
		}
		if t == nil {
			if err := jsonLine(out, eventDocument(e)); err != nil {
				return err
			}
			continue
		}
		data := oneLine(e.Data)
		if e.Erased {
			data = "(erased)"
		}
		t.row(e.Version, e.Type, stamp(e.RecordedAt), data)
	}
	if t == nil {
		return nil
	}
	return t.flush()
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04:05.000Z")
}
