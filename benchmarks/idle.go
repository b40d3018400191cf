package main

import (
	"fmt"
	"os"
	goruntime "runtime"
	"sync"
	"unsafe"
)

// idle asks what an aggregate in memory costs over its own state.
func idle(o options) error {
	dir, err := os.MkdirTemp(o.dir, "idle-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	h, err := newHosted(dir)
	if err != nil {
		return err
	}
	if err := h.fill(0, 1000); err != nil { // what is there once, whatever the number
		return err
	}
	before := heap()
	if err := h.fill(1000, o.idle); err != nil {
		return err
	}
	after := heap()
	actors, _ := h.host.Actors()
	if actors != int64(1000+o.idle) {
		return fmt.Errorf("%d aggregates are in memory, %d were made", actors, 1000+o.idle)
	}
	own := uint64(unsafe.Sizeof(account{}))
	each := (after-before)/uint64(o.idle) - own
	fmt.Println("What does an idle aggregate take in memory over its own state?")
	fmt.Printf("%d bytes each (%d aggregates, a state of %d bytes not counted); goal 512: ratio %.2f\n", each, o.idle, own, float64(each)/512)
	return h.close()
}

// fill makes n aggregates.
func (h *hosted) fill(from, n int) error {
	const callers = 512
	var wg sync.WaitGroup
	faults := make(chan error, callers)
	for c := range callers {
		wg.Go(func() {
			for i := from + c; i < from+n; i += callers {
				if err := h.deposit(fmt.Sprintf("idle-%08d", i)); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(faults)
	return <-faults
}

// heap returns the bytes in use after a full collection.
func heap() uint64 {
	goruntime.GC()
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}
