package cli

import (
	"cmp"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

func servicesCommand() *cobra.Command {
	var s session
	var private bool
	cmd := &cobra.Command{
		Use:   "services",
		Short: "List the services, and what each takes",
		Long: `Lists the services of the deployment: the stream of their aggregate, whether they
work on new or existing ones, the field of the request with the aggregate's id,
and who may call them. As JSON each has the schema of its request too.`,
		Example: `  ringhold services
  ringhold services -o json | jq 'select(.name == "deposit").request_schema'`,
		Args:              takes(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			services, err := c.Services(cmd.Context(), client.ServicesOptions{Private: private})
			if err != nil {
				return failed(err)
			}
			return printServices(cmd, s.output, services)
		},
	}
	s.flags(cmd, formatTable)
	cmd.Flags().BoolVar(&private, "private", false, "list private services too, which only members can call")
	return cmd
}

type serviceJSON struct {
	Name          message.ServiceName `json:"name"`
	Stream        message.StreamName  `json:"stream,omitempty"`
	On            client.On           `json:"on,omitempty"`
	IDField       string              `json:"id_field,omitempty"`
	GeneratesID   bool                `json:"generates_id,omitempty"`
	Access        client.Access       `json:"access"`
	Private       bool                `json:"private,omitempty"`
	Doc           string              `json:"doc,omitempty"`
	RequestSchema json.RawMessage     `json:"request_schema,omitempty"`
}

func printServices(cmd *cobra.Command, f format, services []client.Service) error {
	out := cmd.OutOrStdout()
	if f == formatJSON {
		for _, s := range services {
			err := jsonLine(out, serviceJSON{
				Name: s.Name, Stream: s.Stream, On: s.On, IDField: s.IDField, GeneratesID: s.GeneratesID,
				Access: s.Access, Private: s.Private, Doc: s.Doc, RequestSchema: s.RequestSchema,
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(out, "SERVICE", "STREAM", "ON", "ID FIELD", "ACCESS", "DOES")
	for _, s := range services {
		field := cmp.Or(s.IDField, "-")
		if s.GeneratesID {
			field += " (or generated)"
		}
		access := string(s.Access)
		if s.Private {
			access = "private"
		}
		t.row(s.Name, cmp.Or(s.Stream, "-"), cmp.Or(s.On, "-"), field, access, s.Doc)
	}
	return t.flush()
}
