package shard

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/api/manifest"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/sqlite"
)

func migrateCommand(Binary) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema of a store up to date",
		Long: `Brings the schema of a store to what this binary needs, and says which schema it
has then. It changes nothing where that is so already. dev does it by itself.`,
		Example: "  ringhold migrate -f examples/bank/aggregateservice.yaml",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			m, err := manifest.Load(o.manifest)
			if err != nil {
				return err
			}
			address := storeAddress(o, m.Name)
			done, err := migrate(cmd.Context(), address, m.Group())
			if err != nil {
				return explainStore(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", redacted(address), done)
			return err
		},
	}
	o.flags(cmd, "")
	for _, name := range []string{"listen", "log-level", "log-json", "max-message-bytes"} {
		if err := cmd.Flags().MarkHidden(name); err != nil {
			panic(err) // the flag was defined a line above
		}
	}
	return cmd
}

// migrate brings the schema of a store up to date, and says what it did.
func migrate(ctx context.Context, address, group string) (done string, err error) {
	if inMemory(address) {
		return "a store in memory has no schema", nil
	}
	before := sqlite.Schema
	var other *store.SchemaError
	switch err := touch(ctx, address, group, false); {
	case errors.As(err, &other):
		before = other.Version
	case err != nil:
		return "", err
	}
	if err := touch(ctx, address, group, true); err != nil {
		return "", err
	}
	switch before {
	case 0:
		return fmt.Sprintf("schema %d was made", sqlite.Schema), nil
	case sqlite.Schema:
		return fmt.Sprintf("it had what this binary needs already, schema %d", sqlite.Schema), nil
	}
	return fmt.Sprintf("schema %d was changed to %d", before, sqlite.Schema), nil
}

// touch opens a store and closes it.
func touch(ctx context.Context, address, group string, migrate bool) error {
	s, err := openStore(ctx, opening{address: address, group: group, owner: "ringhold migrate", migrate: migrate})
	if err != nil {
		return err
	}
	return s.Close()
}
