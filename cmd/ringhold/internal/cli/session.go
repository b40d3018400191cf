package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

const (
	defaultServer = "127.0.0.1:8080"
	serverEnv     = "RINGHOLD_SERVER"
	// pingTimeout is how long a command waits for anybody to answer at all.
	pingTimeout = 3 * time.Second
)

// session is what every command has that talks to a server.
type session struct {
	server string
	output format
}

// flags adds the flags of a session to a command that prints as f unless told
// otherwise.
func (s *session) flags(cmd *cobra.Command, f format) {
	server := defaultServer
	if env := os.Getenv(serverEnv); env != "" {
		server = env
	}
	s.output = f
	cmd.Flags().StringVar(&s.server, "server", server, "address of the server, as host:port (or "+serverEnv+")")
	cmd.Flags().VarP(&s.output, "output", "o", "how to print: table or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("server", cobra.NoFileCompletions)
}

// address is the server's address as gRPC takes it.
func (s *session) address() (string, error) {
	address := strings.TrimSuffix(strings.TrimPrefix(s.server, "http://"), "/")
	if strings.Contains(address, "://") {
		return "", usage("--server %q: write host:port, such as %s", s.server, defaultServer)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return "", usage("--server %q has no port: write host:port, such as %s", s.server, defaultServer)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// open returns a client that has not connected yet.
func (s *session) open(config client.Config) (*client.Client, error) {
	address, err := s.address()
	if err != nil {
		return nil, err
	}
	c, err := client.New(address, config)
	if err != nil {
		return nil, usage("--server %q: %v", s.server, err)
	}
	return c, nil
}

// connect returns a client of a server that answers.
func (s *session) connect(ctx context.Context) (*client.Client, error) {
	c, err := s.open(client.Config{})
	if err != nil {
		return nil, err
	}
	ping, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := c.Ping(ping); err != nil {
		_ = c.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, s.silence(err)
	}
	return c, nil
}

// silence is the fault of a server that does not answer.
func (s *session) silence(err error) error {
	return &fault{code: exitUnanswered, cause: err, text: fmt.Sprintf(
		"nothing answers at %s%s: start \"ringhold dev -f MANIFEST\", or pass --server", s.server, because(err))}
}

// because is what is worth telling of why a server was not reached.
func because(err error) string {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return ""
	}
	unavailable, is := refused.Response().(message.ServiceUnavailable)
	if !is || strings.Contains(unavailable.Reason, "refused") {
		return "" // that nobody listens is what "nothing answers" says
	}
	return " (" + shortReason(unavailable.Reason) + ")"
}

// shortReason drops what gRPC wraps around a transport's error.
func shortReason(reason string) string {
	if i := strings.LastIndex(reason, "desc = "); i >= 0 {
		reason = strings.Trim(reason[i+len("desc = "):], `"`)
	}
	return strings.TrimPrefix(reason, "transport: ")
}

// failed turns a client's error into the end of a command.
func failed(err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return &fault{code: exitInterrupted, text: "interrupted", cause: err}
	}
	r := refused.Response()
	text := refusalText(r, refused.MessageID)
	if bare, is := r.(message.NotFound); is && bare == (message.NotFound{}) { // all that is known is what the server wrote
		text = "not found" + colon(grpcText(refused.Unwrap()))
	}
	return &fault{code: exitCode(r), text: text, cause: err}
}

// aggregateOf reads the arguments STREAM and ID.
func aggregateOf(args []string) (message.StreamName, message.AggregateID, error) {
	stream, id := message.StreamName(args[0]), message.AggregateID(args[1])
	if err := stream.Validate(); err != nil {
		return "", "", usage("STREAM: %v", err)
	}
	if err := id.Validate(); err != nil {
		return "", "", usage("ID: %v", err)
	}
	return stream, id, nil
}

// grpcText is the text of a gRPC status.
func grpcText(err error) string { return status.Convert(err).Message() }
