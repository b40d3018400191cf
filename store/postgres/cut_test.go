package postgres_test

import (
	"testing"
	"time"
)

// A connection that is cut at any byte of an append: the answer is true, and
// what the log shows once the generation is raised is final.
func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	c := newCuttable(t, 10*time.Second)
	c.good()
	total := c.good()
	for n := 0; n <= total; n++ {
		c.good()
		stored, answer := c.broken(c.proxy.CutAfter(n))
		// Nothing commits before the last byte. With all of them under way, the new generation may still overtake them.
		if answer == nil || stored && n < total {
			t.Fatalf("cut after %d of %d bytes: the answer is %v, stored: %v", n, total, answer, stored)
		}
	}
	t.Logf("an append of %d bytes", total)
	c.unchanged()
}

// The same while the append still prepares its statement.
func TestPreparationCutAtEveryByte(t *testing.T) {
	t.Parallel()
	c := newCuttable(t, 10*time.Second)
	cold := c.good()
	preparation := cold - c.good()
	_, _ = c.broken(c.proxy.CutAfter(0)) // the next one prepares again
	for n := range preparation {
		if stored, answer := c.broken(c.proxy.CutAfter(n)); answer == nil || stored {
			t.Fatalf("cut after byte %d: the answer is %v, stored: %v", n, answer, stored)
		}
	}
	t.Logf("%d bytes prepare an append", preparation)
	c.unchanged()
}

// A connection that is cut at any byte of the answer: it is stored, whatever
// the writer could make of that.
func TestAnswerCutAtEveryByte(t *testing.T) {
	t.Parallel()
	c := newCuttable(t, 10*time.Second)
	n := 0
	for ; ; n++ {
		c.good()
		stored, answer := c.broken(c.proxy.CutAnswerAfter(n))
		if !stored {
			t.Fatalf("the answer was cut after byte %d: %v, and nothing is stored", n, answer)
		}
		if answer == nil {
			break
		}
	}
	t.Logf("an answer of %d bytes", n)
	c.unchanged()
}

// A connection that falls silent in the middle of an append: the writer goes on
// in a new generation, whatever the server holds for the old one, and what was
// under way changes nothing when it arrives late.
func TestStalledAppend(t *testing.T) {
	t.Parallel()
	c := newCuttable(t, time.Second)
	c.good()
	total := c.good()
	for _, n := range []int{0, total / 2, total - 15, total - 6, total - 5, total - 4, total - 1} {
		c.good()
		met := c.proxy.StallAfter(n)
		stored, answer := c.broken(met)
		if answer == nil || stored {
			t.Fatalf("stalled after %d of %d bytes: the answer is %v, stored: %v", n, total, answer, stored)
		}
		c.proxy.Resume()
		c.oneWriterLeft()
		if c.found() {
			t.Fatalf("stalled after %d of %d bytes: what arrived late is stored", n, total)
		}
		c.good() // on what was found
	}
	c.unchanged()
}
