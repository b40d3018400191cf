package dispatch_test

import (
	"context"
	"log/slog"
	"reflect"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func newLogger(l *logged) *slog.Logger { return slog.New(l.handler()) }

func logging() *message.Message {
	m := greet()
	m.CorrelationID, m.CausationID = "corr", "cause"
	m.LogAttributes = map[string]string{"tenant": "blue", "agent": "curl", "message_id": "forged", "level": "forged", "time": "forged"}
	return m
}

// wantAttributes wants the attributes of a message, and nothing forged.
func wantAttributes(t *testing.T, line map[string]any, m *message.Message) {
	t.Helper()
	for _, standing := range []string{slog.TimeKey, slog.LevelKey, slog.MessageKey} {
		delete(line, standing)
	}
	want := map[string]any{
		"service": "greet", "message_id": string(m.ID), "correlation_id": "corr", "causation_id": "cause",
		"tenant": "blue", "agent": "curl",
	}
	if !reflect.DeepEqual(line, want) {
		t.Errorf("the line has %v, want %v", line, want)
	}
}

func TestLogAttrs_IDsAndTheCallersInOrder(t *testing.T) {
	m := logging()
	want := []slog.Attr{
		slog.String("service", "greet"), slog.String("message_id", string(m.ID)),
		slog.String("correlation_id", "corr"), slog.String("causation_id", "cause"),
		slog.String("agent", "curl"), slog.String("tenant", "blue"),
	}
	if got := dispatch.LogAttrs(m); !reflect.DeepEqual(got, want) {
		t.Errorf("attributes are %v, want %v", got, want)
	}
}

func TestLogger_EveryLineHasTheAttributes(t *testing.T) {
	var log logged
	m := logging()
	dispatch.Logger(newLogger(&log), m).Info("hello")
	wantAttributes(t, log.lines(t)[0], m)
}

func TestLogHandler_LinesOfAServiceCarryTheCallersAttributes(t *testing.T) {
	var log logged
	logger := slog.New(dispatch.NewLogHandler(log.handler()))
	d := local(t, public("greet", func(ctx context.Context, m *message.Message) message.Response {
		logger.InfoContext(ctx, "in the service")
		logger.With("message_id", string(m.ID)).InfoContext(ctx, "with ids already")
		logger.InfoContext(ctx, "named by the line", "message_id", string(m.ID))
		logger.Info("without the context")
		return m.OK().Response
	}))
	m := logging()
	if got := d.Dispatch(t.Context(), m).Response.Outcome(); got != "ok" {
		t.Fatalf("answered %s", got)
	}
	lines := log.lines(t)
	wantAttributes(t, lines[0], m)
	for i, want := range []int{1, 1, 0} {
		line := lines[i+1]
		if got := len(line) - 3; got != want { // time, level, msg
			t.Errorf("line %q has %d attributes, want %d: %v", line["msg"], got, want, line)
		}
	}
}
