package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

const (
	idleGoal     = 512
	residentGoal = 1.5 // GiB
	million      = 1_000_000
)

// idle asks what an aggregate in memory costs over its own state.
func idle(ctx context.Context, b *bench, r *result) (err error) {
	kind := b.durableStore()
	p, err := b.newPlace(ctx, kind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	h, err := p.host(ctx, setup{group: "bench", ids: newIDs("idle", 1000, smallestPayload)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	if err := h.warm(ctx); err != nil { // what is there once, whatever the number
		return err
	}
	before, residentBefore := heap(), residentBytes()
	if err := h.fill(ctx, b); err != nil {
		return err
	}
	resident := residentBytes() // as it is, garbage included
	after := heap()
	if actors, _ := h.host.Actors(); actors != int64(1000+b.idle) {
		return fmt.Errorf("%d aggregates are in memory, %d were made", actors, 1000+b.idle)
	}
	stored, err := p.events(ctx, h.store, h.group)
	if err != nil {
		return err
	}
	if stored != int64(1000+b.idle) {
		return fmt.Errorf("%d commands were answered, %d events are stored", 1000+b.idle, stored)
	}
	own := int64(unsafe.Sizeof(account{}))
	bytes := (after-before)/int64(b.idle) - own
	r.how("%s aggregates, each made by one command, stay in memory of one process over %s; a state has %d bytes, which are not counted, the stream's name (%d bytes) is.", number(float64(b.idle)), title(kind), own, len(newIDs("idle", 1, smallestPayload).streams[0]))
	r.Tables = append(r.Tables, table{
		Title: "Memory", Columns: []string{"aggregates", "bytes each over the state", "heap", "resident at the end of the load", "resident before"},
		Rows: [][]string{{number(float64(b.idle)), number(float64(bytes)), size(after), size(resident), size(residentBefore)}},
	})
	r.Goals = append(r.Goals,
		goal{Text: "memory of an idle aggregate over its state", Goal: idleGoal, Figure: float64(bytes), Unit: " B", Most: true},
		goal{Text: "resident memory of a process with a million live aggregates", Goal: residentGoal, Figure: float64(resident) / (1 << 30), Unit: " GiB", Most: true,
			Partial: unless(b.idle >= million && resident > 0, "-idle is less than a million, or the system does not tell")})
	return nil
}

// fill makes the aggregates, in parts whose ids are not kept.
func (h *hosted) fill(ctx context.Context, b *bench) error {
	const part = 50_000
	keep := h.ids
	defer func() { h.ids = keep }()
	for from := 0; from < b.idle; from += part {
		b.progress("idle: %d of %d aggregates", from, b.idle)
		h.ids = newIDs(fmt.Sprintf("idle%03d", from/part), min(part, b.idle-from), smallestPayload)
		if err := h.warm(ctx); err != nil {
			return err
		}
	}
	return nil
}

// heap returns the bytes in use after a full collection.
func heap() int64 {
	collect()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
