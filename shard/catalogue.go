package shard

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/internal/jsonschema"
)

// Catalogue lists what a binary hosts.
func Catalogue(b Binary) (aggregate.Catalogue, error) {
	p, err := split(b.Hosted)
	if err != nil {
		return aggregate.Catalogue{}, err
	}
	var cores []aggregate.Hosted
	for _, core := range p.cores {
		cores = append(cores, core)
	}
	out := aggregate.NewCatalogue(cores...)
	for name, f := range p.functions {
		service := aggregate.CatalogueService{Name: name, Doc: f.Service().Doc}
		if t := f.RequestType(); t != nil {
			service.Schema = jsonschema.Of(t)
		}
		out.Services = append(out.Services, service)
	}
	out.Sort()
	return out, nil
}

func printCatalogue(w io.Writer, b Binary) error {
	c, err := Catalogue(b)
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	if err := out.Encode(c); err != nil {
		return fmt.Errorf("print the catalogue: %w", err)
	}
	return nil
}

func catalogueCommand(b Binary) *cobra.Command {
	return &cobra.Command{
		Use:   "catalogue",
		Short: "Print what this binary hosts, as JSON",
		Long: `Prints the aggregates, commands, events and plain services of this binary as
JSON. A later release is compared with it before it rolls out: an event that is
stored and that the later release does not know would stop its aggregates.`,
		Example: "  ringhold catalogue | jq '.aggregates[].events[].name'",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return printCatalogue(cmd.OutOrStdout(), b) },
	}
}
