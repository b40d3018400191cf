package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/store"
)

// transaction runs a batch. It returns what each request was refused with, or
// the error that befell all of them: without a *store.UnknownOutcomeError,
// nothing was stored.
func (c *committer) transaction(batch []*request) (refused []error, err error) {
	if err := c.open(context.Background()); err != nil {
		return nil, explain(c.path, "write to", err)
	}
	if _, err := c.session.exec(`BEGIN IMMEDIATE`); err != nil {
		c.drop()
		return nil, explain(c.path, "write to", err)
	}
	refused, stored, err := c.runAll(batch)
	if err != nil {
		c.drop()
		return nil, explain(c.path, "write to", err)
	}
	if stored == 0 {
		if _, err := c.session.exec(`ROLLBACK`); err != nil {
			c.drop()
		}
		return refused, nil
	}
	return refused, c.commitBatch()
}

// runAll runs each request, alone in a savepoint if there are several. An error
// says that the transaction is lost.
func (c *committer) runAll(batch []*request) (refused []error, stored int, err error) {
	t := &tx{session: c.session, group: c.group, now: c.tick()}
	refused = make([]error, len(batch))
	for i, r := range batch {
		if len(batch) == 1 {
			refused[i] = r.run(t)
		} else if refused[i], err = runInSavepoint(t, r); err != nil {
			return nil, 0, err
		}
		if refused[i] == nil {
			stored++
		} else {
			refused[i] = explainFault(c.path, refused[i])
		}
	}
	return refused, stored, nil
}

// runInSavepoint returns what the request was refused with, and an error if the
// savepoint is gone: then SQLite has ended the whole transaction, as it does
// when the disk is full.
func runInSavepoint(t *tx, r *request) (refused, err error) {
	if _, err := t.exec(`SAVEPOINT request`); err != nil {
		return nil, err
	}
	if refused = r.run(t); refused != nil {
		if _, err := t.exec(`ROLLBACK TO request`); err != nil {
			if resultCode(refused) != 0 {
				err = refused // what ended the transaction
			}
			return nil, err
		}
	}
	_, err = t.exec(`RELEASE request`)
	return refused, err
}

// explainFault explains what SQLite said, and leaves refusals as they are.
func explainFault(path string, err error) error {
	if resultCode(err) == 0 {
		return err
	}
	return explain(path, "write to", err)
}

// commitBatch commits, and finds out what became of a commit that failed.
func (c *committer) commitBatch() error {
	_, err := c.session.exec(`UPDATE file SET commits = ?`, c.commits+1)
	if err != nil {
		c.drop()
		return explain(c.path, "write to", err)
	}
	if err = c.commit(c.session); err == nil {
		c.commits++
		return nil
	}
	err = explain(c.path, "commit to", err)
	committed, serr := c.settle()
	switch {
	case serr != nil:
		c.drop()
		return &store.UnknownOutcomeError{Err: errors.Join(err, serr)}
	case committed:
		return nil
	}
	return err
}

// settle tells on a new connection whether the commit that failed is in the
// file. It commits once more before it says so: the frames of a commit whose
// fsync failed may be in the log, and would be found there after a crash if
// nothing were written over them.
func (c *committer) settle() (committed bool, err error) {
	attempted := c.commits + 1
	c.drop()
	if err := c.open(context.Background()); err != nil {
		return false, fmt.Errorf("look for the commit: %w", err)
	}
	if _, err := c.session.exec(`BEGIN IMMEDIATE`); err != nil {
		return false, fmt.Errorf("look for the commit: %w", err)
	}
	var found int64
	if err := c.session.one([]any{&found}, `SELECT commits FROM file`); err != nil {
		return false, fmt.Errorf("look for the commit: %w", err)
	}
	if _, err := c.session.exec(`UPDATE file SET commits = ?`, attempted+1); err != nil {
		return false, fmt.Errorf("write over the commit: %w", err)
	}
	if err := c.commit(c.session); err != nil {
		return false, fmt.Errorf("write over the commit: %w", err)
	}
	c.commits = attempted + 1
	return found == attempted, nil
}
