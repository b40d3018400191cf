package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

func authorizedCommand() *cobra.Command {
	var s session
	cmd := &cobra.Command{
		Use:   "authorized SERVICE [JSON|@FILE|-]",
		Short: "Ask whether a message would be let through",
		Long: `Asks whether you may send a message to a service, without running it. Both the
manifest's access and the service's own rule have to allow it. Without a request it
asks about the service alone. Ends with 0 if they do, with 7 if they do not.`,
		Example: `  ringhold authorized deposit
  ringhold authorized withdraw '{"account_id":"acc-1","amount":100}'`,
		Args:              takes(1, "SERVICE", "JSON"),
		ValidArgsFunction: s.completeService,
		RunE: func(cmd *cobra.Command, args []string) error {
			service := message.ServiceName(args[0])
			if err := service.Validate(); err != nil {
				return usage("SERVICE: %v", err)
			}
			var body any
			var err error
			if len(args) > 1 {
				if body, err = readRequest(cmd, args[1]); err != nil {
					return err
				}
			}
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			permission, err := c.Authorized(cmd.Context(), service, body, client.DispatchOptions{})
			if err != nil {
				return failed(err)
			}
			return printPermission(cmd, s.output, permission)
		},
	}
	s.flags(cmd, formatTable)
	return cmd
}

func printPermission(cmd *cobra.Command, f format, p client.Permission) error {
	if f == formatJSON {
		doc := struct {
			Allowed bool   `json:"allowed"`
			Reason  string `json:"reason,omitempty"`
		}{p.Allowed, p.Reason}
		if err := jsonLine(cmd.OutOrStdout(), doc); err != nil {
			return err
		}
		if !p.Allowed {
			return &fault{code: exitNotAllowed}
		}
		return nil
	}
	if !p.Allowed {
		return &fault{code: exitNotAllowed, text: "not allowed" + colon(p.Reason)}
	}
	fmt.Fprintln(cmd.OutOrStdout(), "allowed")
	return nil
}
