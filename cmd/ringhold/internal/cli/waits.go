package cli

import (
	"fmt"
	"time"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

// waitsEvery is how often it is told that messages were turned away: a server
// that is merely busy does so many times a second.
const waitsEvery = 5 * time.Second

// waitTeller tells why the sending of a file waits. Its method belongs to the
// stream's goroutine.
type waitTeller struct {
	server   string
	retryFor time.Duration
	quiet    bool // tell of silence only
	note     func(format string, args ...any)

	silent bool      // it told that nobody answers
	told   time.Time // when it last told that messages were turned away
}

// trouble tells that the stream waits, and once it is over, where the server had
// not answered at all, that it does again.
func (w *waitTeller) trouble(err error) {
	if err == nil {
		if w.silent {
			w.note("%s answers again", w.server)
		}
		w.silent = false
		return
	}
	turned := client.TurnedAway(err)
	if turned == nil {
		w.silent = true
		w.note("no answer from %s%s: trying for %v, with the same message ids", w.server, reasonOf(err), w.retryFor)
		return
	}
	if now := time.Now(); !w.quiet && now.Sub(w.told) >= waitsEvery {
		w.told = now
		w.note("%s: sending again, with the same message ids, for at most %v", turnedText(turned, err), w.retryFor)
	}
}

// turnedText says why a server turned a message away.
func turnedText(r message.Response, err error) string {
	if full, is := r.(message.MailboxFull); is {
		return fmt.Sprintf("the mailbox of %s is full", orElse(name(full.Stream, full.ID), "an aggregate"))
	}
	return "the server turned a message away" + reasonOf(err)
}
