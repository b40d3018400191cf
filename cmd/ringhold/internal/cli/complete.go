package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

const (
	// completionTime is how long a key press may wait for the server.
	completionTime = 500 * time.Millisecond
	completionIDs  = 100
)

const noFiles = cobra.ShellCompDirectiveNoFileComp

// quickly runs ask with a client that tries once; a server that does not answer
// completes nothing.
func (s *session) quickly(cmd *cobra.Command, ask func(ctx context.Context, c *client.Client) []string) ([]string, cobra.ShellCompDirective) {
	c, err := s.open(client.Config{Retry: client.Retry{Disabled: true}})
	if err != nil {
		return nil, noFiles
	}
	defer func() { _ = c.Close() }()
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	return ask(ctx, c), noFiles
}

// completeService completes SERVICE [JSON|@FILE|-].
func (s *session) completeService(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault // a file, perhaps
	}
	return s.quickly(cmd, func(ctx context.Context, c *client.Client) (names []string) {
		services, _ := c.Services(ctx, client.ServicesOptions{})
		for _, one := range services {
			if strings.HasPrefix(string(one.Name), begun) {
				names = append(names, cobra.CompletionWithDesc(string(one.Name), one.Doc))
			}
		}
		return names
	})
}

// completeStream completes STREAM.
func (s *session) completeStream(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	return s.quickly(cmd, func(ctx context.Context, c *client.Client) (names []string) {
		services, _ := c.Services(ctx, client.ServicesOptions{Private: true})
		for _, one := range services {
			if one.Stream != "" && strings.HasPrefix(string(one.Stream), begun) {
				names = append(names, string(one.Stream))
			}
		}
		slices.Sort(names)
		return slices.Compact(names)
	})
}

// completeAggregate completes STREAM ID.
func (s *session) completeAggregate(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return s.completeStream(cmd, args, begun)
	}
	return s.quickly(cmd, func(ctx context.Context, c *client.Client) (ids []string) {
		o := client.StreamsOptions{Stream: message.StreamName(args[0]), Prefix: begun, PageSize: completionIDs}
		for info, err := range c.Streams(ctx, o) {
			if err != nil || len(ids) == completionIDs {
				return ids
			}
			ids = append(ids, string(info.ID))
		}
		return ids
	})
}
