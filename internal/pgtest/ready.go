package pgtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// errEnded is wrapped when a server ended before it was ready.
var errEnded = errors.New("the server ended at its start")

// ready waits until the server accepts a connection under the URL. Its errors
// hold the end of the server's log.
func (k *keeper) ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the server does not accept connections: %w\n%s", err, k.log())
		}
		ended, err := k.gone(20 * time.Millisecond)
		if err != nil {
			return err
		}
		if ended {
			return fmt.Errorf("%w:\n%s", errEnded, k.log())
		}
	}
}
