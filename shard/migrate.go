package shard

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/api/manifest"
	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
	"github.com/ringhold/ringhold/store/sqlite"
)

func migrateCommand(Binary) *cobra.Command {
	var o runOptions
	var role string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema of a store up to date",
		Long: `Brings the schema of a store to what this binary needs, and says which schema it
has then. It changes nothing where that is so already. dev does it by itself.

In PostgreSQL it creates the schema too, and a view for each stream of the
manifest, named as the stream, that lists its aggregates. The role that migrates
owns what is there, and needs CREATE on the database (or on a schema that is there
already). The role that serves may be another one: --role grants it what it needs.`,
		Example: `  ringhold migrate -f examples/bank/aggregateservice.yaml
  ringhold migrate -f aggregateservice.yaml --store postgres://owner@db/shop --role shop_app`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			m, err := manifest.Load(o.manifest)
			if err != nil {
				return err
			}
			address := storeAddress(o, m.Name)
			if err := checkStore(address); err != nil {
				return err
			}
			if role != "" && !isPostgres(address) {
				return usagef("--role is a role of PostgreSQL: %s has none", redacted(address))
			}
			return migrate(cmd.Context(), cmd.OutOrStdout(), address, m, role)
		},
	}
	o.flags(cmd, "")
	cmd.Flags().StringVar(&role, "role", "", "role of PostgreSQL that serves, to be granted what it needs")
	for _, name := range []string{"listen", "log-level", "log-json", "max-message-bytes"} {
		if err := cmd.Flags().MarkHidden(name); err != nil {
			panic(err) // the flag was defined a line above
		}
	}
	return cmd
}

// migrate brings a store up to date and says what it did and what is there.
func migrate(ctx context.Context, out io.Writer, address string, m *v1alpha1.AggregateService, role string) error {
	done, err := migrateSchema(ctx, address, m.Group())
	if err != nil {
		return opening{address: address, migrate: true}.explain(err)
	}
	if _, err := fmt.Fprintf(out, "%s: %s\n", redacted(address), done); err != nil || !isPostgres(address) {
		return err
	}
	return explainStore(furnish(ctx, out, address, m, role))
}

// migrateSchema brings the schema of a store up to date, and says what it did.
func migrateSchema(ctx context.Context, address, group string) (done string, err error) {
	if inMemory(address) {
		return "a store in memory has no schema", nil
	}
	newest := sqlite.Schema
	if isPostgres(address) {
		newest = postgres.Schema
	}
	before := newest
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
		return fmt.Sprintf("schema %d was made", newest), nil
	case newest:
		return fmt.Sprintf("it had what this binary needs already, schema %d", newest), nil
	}
	return fmt.Sprintf("schema %d was changed to %d", before, newest), nil
}

// touch opens a store and closes it.
func touch(ctx context.Context, address, group string, migrate bool) error {
	s, err := openStore(ctx, opening{address: address, group: group, owner: "ringhold migrate", migrate: migrate})
	if err != nil {
		return err
	}
	return s.Close()
}
