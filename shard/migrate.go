package shard

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/api/manifest"
)

func migrateCommand(Binary) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema of a store up to date",
		Long: `Brings the schema of a store to what this binary needs, and says which schema it
has then. It changes nothing where that is so already. dev does it by itself.`,
		Example: "  ringhold migrate -f examples/bank/aggregateservice.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := manifest.Load(o.manifest)
			if err != nil {
				return err
			}
			address := storeAddress(o, m.Name)
			s, err := openStore(cmd.Context(), address, m.Group(), "ringhold migrate", true)
			if err != nil {
				return explainOpen(err)
			}
			if err := s.Close(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is up to date\n", address)
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
