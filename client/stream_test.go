package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/internal/fakeserver"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// item returns the n-th message, for an aggregate.
func item(n int, key string) client.Item {
	return client.Item{
		Service: "deposit", Key: key, Tag: n,
		Options: client.DispatchOptions{MessageID: message.ID(fmt.Sprintf("m-%d", n))},
	}
}

func open(t *testing.T, s *site, config client.StreamConfig) *client.Stream {
	t.Helper()
	stream, err := s.Client.Stream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// sendAll sends n items from another goroutine, and closes sending.
func sendAll(t *testing.T, stream *client.Stream, items ...client.Item) {
	t.Helper()
	go func() {
		for _, one := range items {
			if err := stream.Send(t.Context(), one); err != nil {
				t.Errorf("send %v: %v", one.Tag, err)
			}
		}
		stream.CloseSend()
	}()
}

func tags(answers []client.Answer) (out []int) {
	for _, a := range answers {
		out = append(out, a.Item.Tag.(int))
	}
	return out
}

func collect(stream *client.Stream) (out []client.Answer) {
	for a := range stream.Answers() {
		out = append(out, a)
	}
	return out
}

func numbers(n int) (items []client.Item, tags []int) {
	for i := range n {
		items, tags = append(items, item(i, "acc-1")), append(tags, i)
	}
	return items, tags
}

func TestStreamAnswersAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusal := message.DomainError{Code: "insufficient_funds"}
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: func(_ context.Context, req *pb.DispatchRequest) message.Response {
			if req.GetMessageId() == "m-7" {
				return refusal
			}
			return ok(3)
		}})
		defer s.end()
		stream := open(t, s, client.StreamConfig{Window: 8, PerKey: 4})
		items, want := numbers(1000)
		sendAll(t, stream, items...)
		answers := collect(stream)
		if got := tags(answers); !slices.Equal(got, want) {
			t.Errorf("answers of %v", got)
		}
		for _, a := range answers {
			var refused *client.Error
			if errors.As(a.Err, &refused) != (a.Item.Tag == 7) || a.Err == nil && a.Result.MessageID != a.Item.Options.MessageID {
				t.Errorf("answer of %v: %+v", a.Item.Tag, a)
			}
		}
		if err := stream.Err(); err != nil {
			t.Error(err)
		}
		if err := stream.Send(t.Context(), item(0, "")); !errors.Is(err, client.ErrStreamClosed) {
			t.Errorf("send behind the end: %v", err)
		}
	})
}

// breaking serves a DispatchStream that is cut after some items: those that
// were answered must not come again, all others have to, in order.
type breaking struct {
	server *fakeserver.Server
	mu     sync.Mutex
	calls  int
	serve  func(call pb.Dispatcher_DispatchStreamServer, number int) error
}

func (b *breaking) stream(call pb.Dispatcher_DispatchStreamServer) error {
	b.mu.Lock()
	b.calls++
	number := b.calls
	b.mu.Unlock()
	return b.serve(call, number)
}

// answer answers the items of a call, in order; stop is asked before each.
func (b *breaking) answer(call pb.Dispatcher_DispatchStreamServer) error {
	for {
		one, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := call.Send(b.server.Outcome(call.Context(), one)); err != nil {
			return err
		}
	}
}

func newBreaking(serve func(b *breaking, call pb.Dispatcher_DispatchStreamServer, number int) error) *fakeserver.Server {
	server := &fakeserver.Server{Answer: answer(ok(0))}
	b := &breaking{server: server}
	b.serve = func(call pb.Dispatcher_DispatchStreamServer, number int) error { return serve(b, call, number) }
	server.Stream = b.stream
	return server
}

func TestStreamResendsExactlyTheUnansweredInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *site
		server := newBreaking(func(b *breaking, call pb.Dispatcher_DispatchStreamServer, number int) error {
			if number > 1 {
				return b.answer(call)
			}
			var items []*pb.DispatchStreamRequest
			for range 10 {
				one, err := call.Recv()
				if err != nil {
					return err
				}
				items = append(items, one)
			}
			for _, i := range []int{0, 1, 2, 5} { // 3, 4 and 6 to 9 have no answer when the server dies
				if err := call.Send(b.server.Outcome(call.Context(), items[i])); err != nil {
					return err
				}
			}
			synctest.Wait() // the answers have arrived
			go s.restart()
			<-call.Context().Done()
			return call.Context().Err()
		})
		s = newSite(t, client.Config{}, server)
		defer s.end()
		stream := open(t, s, client.StreamConfig{Window: 10, PerKey: 10})
		items, _ := numbers(12)
		sendAll(t, stream, items...)
		answers := collect(stream)
		if got, want := tags(answers), []int{0, 1, 2, 5, 3, 4, 6, 7, 8, 9, 10, 11}; !slices.Equal(got, want) {
			t.Errorf("answers of %v, want %v", got, want)
		}
		want := []string{"m-0", "m-1", "m-2", "m-5", "m-3", "m-4", "m-6", "m-7", "m-8", "m-9", "m-10", "m-11"}
		if got := s.SeenIDs(); !slices.Equal(got, want) {
			t.Errorf("the server ran %v, want %v", got, want)
		}
		if err := stream.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestStreamGoesOnElsewhereWhenTheServerDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newBreaking(func(b *breaking, call pb.Dispatcher_DispatchStreamServer, number int) error {
			if number > 1 {
				return b.answer(call)
			}
			var items []*pb.DispatchStreamRequest
			for range 6 {
				one, err := call.Recv()
				if err != nil {
					return err
				}
				items = append(items, one)
			}
			drain := &pb.DispatchStreamResponse{Outcome: &pb.DispatchStreamResponse_Drain{Drain: &pb.Drain{LastSequence: items[3].GetSequence()}}}
			if err := call.Send(drain); err != nil {
				return err
			}
			for _, one := range items[:4] {
				if err := call.Send(b.server.Outcome(call.Context(), one)); err != nil {
					return err
				}
			}
			return nil
		})
		s := newSite(t, client.Config{}, server)
		defer s.end()
		troubled := false
		stream := open(t, s, client.StreamConfig{Window: 6, PerKey: 6, OnTrouble: func(error) { troubled = true }})
		items, want := numbers(9)
		sendAll(t, stream, items...)
		if got := tags(collect(stream)); !slices.Equal(got, want) {
			t.Errorf("answers of %v", got)
		}
		if got := len(s.Seen()); got != 9 || troubled {
			t.Errorf("the server ran %v; trouble: %v", s.SeenIDs(), troubled)
		}
	})
}

// An item that finds no owner is sent again before anything that was not sent
// yet, and a later item of the same aggregate that ran meanwhile is told of.
func TestStreamSendsAgainWhatFoundNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := false
		var mu sync.Mutex
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: func(_ context.Context, req *pb.DispatchRequest) message.Response {
			mu.Lock()
			defer mu.Unlock()
			if req.GetMessageId() == "m-2" && !refused {
				refused = true
				return message.MailboxFull{Stream: "accounts", ID: "acc-1", Limit: 1}
			}
			return ok(0)
		}})
		defer s.end()
		stream := open(t, s, client.StreamConfig{Window: 4, PerKey: 4})
		items, _ := numbers(20)
		sendAll(t, stream, items...)
		answers := collect(stream)
		if len(answers) != 20 || len(s.Seen()) != 21 {
			t.Fatalf("%d answers, the server saw %v", len(answers), s.SeenIDs())
		}
		again := slices.Index(tags(answers), 2)
		if again > 6 {
			t.Errorf("sent again as late as number %d: %v", again, tags(answers))
		}
		for _, a := range answers {
			if a.Err != nil || a.Overtaken != (a.Item.Tag == 2 && again > 2) {
				t.Errorf("answer %+v", a)
			}
		}
	})
}

// A link that broke owes nothing any more: when an item on the next one finds
// nobody, that one is closed as soon as all else on it is answered.
func TestStreamSendsAgainBehindABrokenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *site
		refused := false
		server := newBreaking(func(b *breaking, call pb.Dispatcher_DispatchStreamServer, number int) error {
			if number == 1 {
				for range 5 {
					if _, err := call.Recv(); err != nil {
						return err
					}
				}
				go s.restart()
				<-call.Context().Done()
				return call.Context().Err()
			}
			return b.answer(call)
		})
		server.Answer = func(_ context.Context, req *pb.DispatchRequest) message.Response {
			if req.GetMessageId() == "m-1" && !refused {
				refused = true
				return message.ServiceUnavailable{Reason: "moving"}
			}
			return ok(0)
		}
		s = newSite(t, client.Config{}, server)
		defer s.end()
		stream := open(t, s, client.StreamConfig{Window: 5, PerKey: 5})
		items, _ := numbers(8)
		sendAll(t, stream, items...)
		began := time.Now()
		if answers := collect(stream); len(answers) != 8 || !refused || stream.Err() != nil {
			t.Errorf("answers of %v, end %v", tags(answers), stream.Err())
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v to close the link", took)
		}
	})
}

// Unless PerKey says otherwise, nothing of the same aggregate can overtake a
// refused item.
func TestStreamOneAtATimePerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		refusals := map[string]int{}
		var ran []string
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: func(_ context.Context, req *pb.DispatchRequest) message.Response {
			mu.Lock()
			defer mu.Unlock()
			if id := req.GetMessageId(); refusals[id] < 2 && (id == "m-3" || id == "m-6") {
				refusals[id]++
				return message.ServiceUnavailable{Reason: "moving"}
			}
			ran = append(ran, req.GetMessageId())
			return ok(0)
		}})
		defer s.end()
		stream := open(t, s, client.StreamConfig{})
		items, _ := numbers(9)
		sendAll(t, stream, items...)
		collect(stream)
		if want := []string{"m-0", "m-1", "m-2", "m-3", "m-4", "m-5", "m-6", "m-7", "m-8"}; !slices.Equal(ran, want) {
			t.Errorf("ran %v", ran)
		}
	})
}

func TestStreamGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: answer(ok(0))})
		s.Server.Kill()
		defer func() { _ = s.Client.Close() }()
		var trouble []error
		stream := open(t, s, client.StreamConfig{RetryFor: 20 * time.Second, Window: 2, OnTrouble: func(err error) { trouble = append(trouble, err) }})
		began := time.Now()
		go func() {
			for i := range 3 { // the third finds no room, and then no stream
				err := stream.Send(t.Context(), item(i, ""))
				if (err != nil) != (i == 2) || i == 2 && !errors.Is(err, client.ErrGaveUp) {
					t.Errorf("send %d: %v", i, err)
				}
			}
		}()
		answers := collect(stream)
		if took := time.Since(began); took < 20*time.Second || took > 23*time.Second {
			t.Errorf("gave up behind %v", took)
		}
		if len(answers) != 2 || !errors.Is(stream.Err(), client.ErrGaveUp) || len(trouble) != 1 {
			t.Errorf("answers %+v, end %v, trouble %v", answers, stream.Err(), trouble)
		}
		for _, a := range answers {
			var refused *client.Error
			if !errors.As(a.Err, &refused) || refused.Response().Outcome() != "service_unavailable" {
				t.Errorf("answer %+v", a)
			}
		}
	})
}

// The message's own time is kept over attempts: the server gets what is left.
func TestStreamItemDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: answer(ok(0))})
		s.Server.Kill()
		defer s.end()
		stream := open(t, s, client.StreamConfig{})
		began := time.Now()
		for n, timeout := range []time.Duration{3 * time.Second, 10 * time.Second} {
			one := item(n, "acc-1")
			one.Options.Timeout = timeout
			if err := stream.Send(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
		first := <-stream.Answers()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the first had its answer behind %v", took)
		}
		var refused *client.Error
		if !errors.As(first.Err, &refused) || !errors.Is(first.Err, context.DeadlineExceeded) {
			t.Fatalf("answer %+v", first)
		}
		if r, is := refused.Response().(message.ServiceTimeout); !is || r.Timeout != 3*time.Second || r.MessageID != "m-0" {
			t.Errorf("response %+v", refused.Response())
		}
		s.Server.Start(s.pipe.Listen())
		second := <-stream.Answers()
		if second.Err != nil {
			t.Errorf("answer %+v", second)
		}
		if left := s.Seen()[0].GetTimeout().AsDuration(); left <= 0 || left > 7*time.Second {
			t.Errorf("the server was given %v", durationpb.New(left))
		}
		if ids := s.SeenIDs(); !slices.Equal(ids, []string{"m-1"}) {
			t.Errorf("the server saw %v", ids)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestStreamEndsWithARefusalOfTheWholeStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newBreaking(func(_ *breaking, call pb.Dispatcher_DispatchStreamServer, _ int) error {
			if _, err := call.Recv(); err != nil {
				return err
			}
			_, st := refusalStatus(message.Unauthorized{Reason: "who are you?"})
			return st
		})
		s := newSite(t, client.Config{}, server)
		defer s.end()
		stream := open(t, s, client.StreamConfig{})
		sendAll(t, stream, item(0, ""))
		answers := collect(stream)
		var refused *client.Error
		if len(answers) != 1 || !errors.As(answers[0].Err, &refused) || refused.Response().Outcome() != "unauthorized" {
			t.Errorf("answers %+v", answers)
		}
		if err := stream.Err(); err == nil || errors.Is(err, client.ErrGaveUp) {
			t.Errorf("end %v", err)
		}
	})
}

func TestStreamCloseDoesNotWaitForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: func(ctx context.Context, _ *pb.DispatchRequest) message.Response {
			<-ctx.Done()
			return ok(0)
		}})
		defer s.end()
		stream := open(t, s, client.StreamConfig{})
		if err := stream.Send(t.Context(), item(0, "")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		if _, more := <-stream.Answers(); more || !errors.Is(stream.Err(), client.ErrStreamClosed) {
			t.Errorf("end %v", stream.Err())
		}
	})
}

func TestStreamRefusesWhatCannotTravel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{MaxMessageBytes: 100}, &fakeserver.Server{Answer: answer(ok(0))})
		defer s.end()
		stream := open(t, s, client.StreamConfig{})
		defer func() { _ = stream.Close() }()
		large := item(0, "")
		large.Request = make([]int, 100)
		var refused *client.Error
		if err := stream.Send(t.Context(), large); !errors.As(err, &refused) || refused.Response().Outcome() != "too_large" {
			t.Errorf("error %v", err)
		}
		broken := item(1, "")
		broken.Request = func() {}
		if err := stream.Send(t.Context(), broken); err == nil {
			t.Error("a function was sent")
		}
	})
}
