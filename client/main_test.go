package client_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/internal/fakeserver"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a fake server and a client of it. Tests run it in a synctest bubble:
// waits take no time, and are as long as they should be.
type site struct {
	*fakeserver.Server
	*client.Client
	pipe fakeserver.Pipe
}

// newSite starts the server; serve may be nil. What it starts, it ends.
func newSite(t *testing.T, config client.Config, server *fakeserver.Server) *site {
	t.Helper()
	s := &site{Server: server}
	config.DialOptions = []grpc.DialOption{s.pipe.Dial()}
	c, err := client.New("passthrough:pipe", config)
	if err != nil {
		t.Fatal(err)
	}
	s.Client = c
	s.Server.Start(s.pipe.Listen())
	return s
}

func (s *site) end() {
	_ = s.Client.Close()
	s.Server.Kill()
}

// restart kills the server and starts it again.
func (s *site) restart() {
	s.Server.Kill()
	s.Server.Start(s.pipe.Listen())
}

func answer(r message.Response) func(context.Context, *pb.DispatchRequest) message.Response {
	return func(context.Context, *pb.DispatchRequest) message.Response { return r }
}

func ok(v message.Version) message.OK { return message.OK{Version: v, HasVersion: true} }

// refusalStatus returns a refusal as a server fails a call with.
func refusalStatus(r message.Response) (*pb.DispatchResponse, error) {
	resp, st := wire.EncodeResponse(&message.Message{}, r, nil)
	return resp, st.Err()
}
