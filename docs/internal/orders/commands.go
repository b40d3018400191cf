package orders

import (
	"context"
	"errors"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

type (
	// PlaceOrder asks for a new order.
	PlaceOrder struct {
		ID       string `json:"id"`
		Customer string `json:"customer"`
	}
	// AddLine asks for something more.
	AddLine struct {
		OrderID  string `json:"order_id"`
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	}
	// Ship asks to send it.
	Ship struct {
		OrderID string `json:"order_id"`
	}
)

// AddedLine answers an AddLine.
type AddedLine struct {
	ID    string `json:"id"`
	Cents int64  `json:"cents"`
}

type (
	msg      = aggregate.Message[Order]
	decision = aggregate.Decision[Order]
)

func init() {
	aggregate.Command(Orders, "place_order", PlaceOrder.Validate, place)
	aggregate.Command(Orders, "add_line", AddLine.Validate, addLine, aggregate.Before(findPrice))
	aggregate.Command(Orders, "ship", nil, ship, aggregate.Doc[Ship]("Sends an order that has something in it."))
}

// Validate returns all faults.
func (c PlaceOrder) Validate(_ *msg, _ Order) (v aggregate.Violations) {
	v.Require(c.Customer != "", "customer", "is required")
	return v
}

// Validate returns all faults, on their own or against the state.
func (c AddLine) Validate(_ *msg, o Order) (v aggregate.Violations) {
	v.Require(!o.Shipped, "order_id", "the order is on its way")
	v.Require(c.SKU != "", "sku", "is required")
	v.Require(c.Quantity > 0 && c.Quantity <= 1000, "quantity", "must be from 1 to 1000")
	return v
}

const deliveryTime = 14 * 24 * time.Hour

func place(m *msg, _ Order, c PlaceOrder) decision {
	return m.Emit(placed(Placed{Customer: c.Customer, Due: m.Now().Add(deliveryTime)})).Created()
}

// Prices are kept by another system.
type Prices interface {
	// Cents returns the price of an article, or ErrNoSuchArticle.
	Cents(ctx context.Context, sku string) (int64, error)
}

// ErrNoSuchArticle says that nothing is sold under that number.
var ErrNoSuchArticle = errors.New("no such article")

// prices is set by main, before anything is served.
var prices Prices

func findPrice(ctx context.Context, m *message.Message, c AddLine) error {
	cents, err := prices.Cents(ctx, c.SKU)
	if errors.Is(err, ErrNoSuchArticle) {
		return aggregate.Refuse("no_such_article", c.SKU)
	}
	if err != nil {
		return err
	}
	m.Assign("unit_cents", cents)
	return nil
}

func addLine(m *msg, _ Order, c AddLine) decision {
	unit, ok := aggregate.Assigned[int64](m, "unit_cents")
	if !ok {
		return m.Error("no_price")
	}
	line := Line{SKU: c.SKU, Quantity: c.Quantity, UnitCents: unit}
	id := m.NewID()
	return m.Emit(lineAdded(LineAdded{ID: id, Line: line})).OK(AddedLine{ID: id, Cents: unit * c.Quantity})
}

func ship(m *msg, o Order, _ Ship) decision {
	switch {
	case o.Shipped:
		return m.OK() // what is done needs no second event
	case len(o.Lines) == 0:
		return m.Emit(shipmentRefused(ShipmentRefused{Why: "empty"})).Error("empty_order")
	}
	return m.Emit(shipped(Shipped{Parcel: m.NewID()})).OK()
}
