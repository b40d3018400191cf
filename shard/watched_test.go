package shard

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/postgres"
)

// answering is a store whose writers answer each append with the error that is due.
type answering struct {
	store.Store
	due error
}

func (a *answering) Writer(context.Context, store.MemberID, store.WriterID) (store.Writer, error) {
	return &answeringWriter{of: a}, nil
}

type answeringWriter struct {
	store.Writer
	of *answering
}

func (w *answeringWriter) Append(context.Context, *store.Append) error { return w.of.due }

// That the store takes no writes is told once for each reason, and once more when
// it is over or comes again. A refusal is no trouble, and answers go on as they are.
func TestWatched(t *testing.T) {
	full := &postgres.Error{Doing: "write to", URL: "postgres://h/db", Err: errors.New("the disk is full")}
	gone := &postgres.Error{Doing: "write to", URL: "postgres://h/db", Err: errors.New("connection refused")}
	var log strings.Builder
	inner := &answering{Store: memory.New(memory.Config{Group: "test"})}
	w, err := newWatched(inner, slog.New(slog.NewTextHandler(&log, nil))).Writer(t.Context(), "m", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		answer error
		told   string // empty: nothing
	}{
		{nil, ""},
		{&store.FencedError{Member: "m"}, ""},
		{full, "takes no writes"}, {full, ""}, {&store.UnknownOutcomeError{Err: full}, ""},
		{gone, "connection refused"}, {gone, ""}, {full, "the disk is full"},
		{&store.FencedError{Member: "m"}, ""},
		{nil, "takes writes again"}, {nil, ""},
		{full, "the disk is full"}, {nil, "takes writes again"},
	} {
		log.Reset()
		inner.due = step.answer
		if err := w.Append(t.Context(), &store.Append{}); !errors.Is(err, step.answer) {
			t.Errorf("step %d is answered with %v", i, err)
		}
		if text := log.String(); (text == "") != (step.told == "") || !strings.Contains(text, step.told) || strings.Count(text, "\n") > 1 {
			t.Errorf("step %d, %v: it told %q, want %q", i, step.answer, text, step.told)
		}
	}
}
