package shard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store/sqlite"
	"github.com/ringhold/ringhold/transfer"
)

// expect is what a file may hold: streams of the manifest, if there is one, and
// events that the binary can read where it hosts their aggregate.
func (o *importOptions) expect(p place, now time.Time) transfer.Expect {
	e := transfer.Expect{Now: now}
	if o.unknown || p.service == nil {
		return e
	}
	declared := map[message.StreamName]bool{}
	var names []string
	for _, s := range p.service.Spec.Streams {
		declared[message.StreamName(s.Name)] = true
		names = append(names, s.Name)
	}
	e.Stream = func(name message.StreamName) error {
		if declared[name] {
			return nil
		}
		return fmt.Errorf("the manifest declares no stream %q, there are: %s: correct one of them, or give --allow-unknown", name, strings.Join(names, ", "))
	}
	hosts, err := split(o.binary.Hosted)
	if err != nil {
		return e // who serves is told
	}
	e.Event = func(stream message.StreamName, eventType string, schema int) error {
		core := hosts.cores[stream]
		if core == nil || core.KnowsEvent(eventType, schema) {
			return nil
		}
		return fmt.Errorf("the aggregate of stream %q reads no event %q with schema_version %d, it emits: %s: correct it, register the event with aggregate.Was, or give --allow-unknown",
			stream, eventType, schema, strings.Join(core.EventNames(), ", "))
	}
	return e
}

// makesFile reports whether opening the place makes a file.
func (p place) makesFile() bool {
	name, ok := strings.CutPrefix(p.address, "sqlite:")
	if !ok {
		return false
	}
	_, err := os.Stat(strings.TrimPrefix(name, "//"))
	return errors.Is(err, fs.ErrNotExist)
}

// closeImport closes the store of an import; a file that was made for one that then
// stored nothing is taken away.
func closeImport(ctx context.Context, s movable, made bool, err error) error {
	file, embedded := s.(*sqlite.Store)
	if err == nil || !made || !embedded {
		return errors.Join(err, s.Close())
	}
	begun, unknown := s.LoadRing(context.WithoutCancel(ctx))
	if unknown != nil || !begun.Empty() {
		return errors.Join(err, s.Close())
	}
	return errors.Join(err, file.Remove())
}
