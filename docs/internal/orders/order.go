package orders

import (
	"time"

	"github.com/ringhold/ringhold/aggregate"
)

// Order is the state of an order: what its decisions need to know.
type Order struct {
	Customer string          `json:"customer"`
	Lines    map[string]Line `json:"lines"`
	Cents    int64           `json:"cents"` // of all lines
	Due      time.Time       `json:"due"`
	Shipped  bool            `json:"shipped"`
}

// Line is one position of an order.
type Line struct {
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity"`
	UnitCents int64  `json:"unit_cents"`
}

// Orders defines the aggregate.
var Orders = aggregate.New[Order]("orders").
	Initial(func() Order { return Order{Lines: map[string]Line{}} }).
	Retired("viewed").
	Schema(2)

type (
	// Placed says who wants something, and until when.
	Placed struct {
		Customer string    `json:"customer"`
		Due      time.Time `json:"due"`
	}
	// LineAdded says what is wanted, at which price.
	LineAdded struct {
		ID   string `json:"id"`
		Line Line   `json:"line"`
	}
	// Shipped says that it is on its way.
	Shipped struct {
		Parcel string `json:"parcel"`
	}
	// ShipmentRefused says why it is not.
	ShipmentRefused struct {
		Why string `json:"why"`
	}
)

var (
	placed = aggregate.Event(Orders, "placed", func(o *Order, e Placed) {
		o.Customer, o.Due = e.Customer, e.Due
	})
	lineAdded = aggregate.Event(Orders, "line_added", func(o *Order, e LineAdded) {
		o.Lines[e.ID] = e.Line
		o.Cents += e.Line.Quantity * e.Line.UnitCents
	}, aggregate.Was("line_added", 1, fromOldLine))
	shipped = aggregate.Event(Orders, "shipped", func(o *Order, _ Shipped) { o.Shipped = true },
		aggregate.Was("sent", 1, func(old Shipped) Shipped { return old }))
	shipmentRefused = aggregate.Event[Order, ShipmentRefused](Orders, "shipment_refused", nil)
)
