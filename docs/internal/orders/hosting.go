package orders

import (
	"context"
	"log/slog"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

func init() {
	Orders.Authorize(func(m *msg) message.Response {
		if role, _ := m.Caller().Claims["role"].(string); m.Service() == "ship" && role != "warehouse" {
			return message.Forbidden{Reason: "only the warehouse ships"}
		}
		return nil
	})
	Orders.UnloadWhen(func(o Order) aggregate.Unload {
		if o.Shipped {
			return aggregate.UnloadIn(time.Minute)
		}
		return aggregate.Unload{} // the manifest's rules decide
	})
}

// Seat is the state of a seat in a theatre whose box office is another system.
type Seat struct {
	Guest string `json:"guest"`
}

// BookSeat asks for a seat.
type BookSeat struct {
	ID    string `json:"id"`
	Guest string `json:"guest"`
}

// Booked says whose the seat is.
type Booked struct {
	Guest string `json:"guest"`
}

// BoxOffice is that other system. Hold may be called again for the same seat
// and guest; a hold that is not confirmed ends by itself after some minutes.
type BoxOffice interface {
	// Hold keeps a seat free for a guest, for a while.
	Hold(ctx context.Context, seat message.AggregateID, guest string) error
	// Confirm gives the seat to the guest that it is held for.
	Confirm(ctx context.Context, seat message.AggregateID) error
	// Release ends the hold.
	Release(ctx context.Context, seat message.AggregateID) error
}

var office BoxOffice

// Seats defines the aggregate.
var Seats = aggregate.New[Seat]("seats").
	OnCommit(func(ctx context.Context, m *aggregate.Message[Seat], _ Seat) {
		if err := office.Confirm(ctx, m.AggregateID()); err != nil {
			slog.ErrorContext(ctx, "a seat is booked but not confirmed", "seat", m.AggregateID(), "error", err)
		}
	}).
	OnRollback(func(ctx context.Context, m *aggregate.Message[Seat], _ Seat) {
		if err := office.Release(ctx, m.AggregateID()); err != nil {
			slog.WarnContext(ctx, "a hold is left to end by itself", "seat", m.AggregateID(), "error", err)
		}
	})

var booked = aggregate.Event(Seats, "booked", func(s *Seat, e Booked) { s.Guest = e.Guest })

func init() {
	aggregate.Command(Seats, "book_seat", nil,
		func(m *aggregate.Message[Seat], _ Seat, c BookSeat) aggregate.Decision[Seat] {
			return m.Emit(booked(Booked{Guest: c.Guest})).Created()
		},
		aggregate.Before(func(ctx context.Context, m *message.Message, c BookSeat) error {
			return office.Hold(ctx, m.Aggregate.ID, c.Guest)
		}))
}

// Cart is the state of a shopping cart, of which nobody needs the history.
type Cart struct {
	Items map[string]int64 `json:"items"`
}

// Put asks to have a number of an article in the cart; 0 takes it out.
type Put struct {
	ID     string `json:"id"`
	SKU    string `json:"sku"`
	Number int64  `json:"number"`
}

// Carts defines the aggregate.
var Carts = aggregate.New[Cart]("carts").
	StateBased().
	Initial(func() Cart { return Cart{Items: map[string]int64{}} })

var put = aggregate.Event(Carts, "put", func(c *Cart, e Put) {
	if e.Number == 0 {
		delete(c.Items, e.SKU)
		return
	}
	c.Items[e.SKU] = e.Number
})

func init() {
	aggregate.Command(Carts, "put", nil,
		func(m *aggregate.Message[Cart], _ Cart, c Put) aggregate.Decision[Cart] {
			return m.Emit(put(c)).OK()
		})
}
