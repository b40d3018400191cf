package sqlite

import (
	"database/sql"
	"testing"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// TestColdReads takes all connections, as that many reads at once do, and then
// asks on one of them for what nobody has asked yet: it must not need another.
func TestColdReads(t *testing.T) {
	s := openTest(t, testConfig(t))
	var txs []*sql.Tx
	for range maxReaders {
		db, err := s.reads.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Rollback()
		txs = append(txs, db)
	}
	waited := s.reads.Stats().WaitCount
	for _, db := range txs {
		l := &loader{s: s, db: db}
		ended := make(chan error, 1)
		go func() {
			_, err := l.load(&store.LoadRequest{Stream: "a-1", Hydrate: true, Events: 1, Messages: []message.ID{"m"}})
			if err == nil {
				_, _, err = l.seek("a-1")
			}
			ended <- err
		}()
		for done := false; !done; {
			select {
			case err := <-ended:
				if done = true; err != nil {
					t.Fatal(err)
				}
			default:
				if s.reads.Stats().WaitCount > waited {
					t.Error("a read that holds a connection waits for another")
					for _, db := range txs { // so that it ends
						_ = db.Rollback()
					}
					<-ended
					return
				}
			}
		}
	}
}
