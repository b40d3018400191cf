package orders

import (
	"math"

	"github.com/ringhold/ringhold/aggregate"
)

// oldLine is line_added as it was stored with schema number 1.
type oldLine struct {
	ID       string  `json:"id"`
	SKU      string  `json:"sku"`
	Quantity int64   `json:"quantity"`
	Price    float64 `json:"price"` // in whole units of the currency
}

func fromOldLine(old oldLine) LineAdded {
	cents := int64(math.Round(old.Price * 100))
	return LineAdded{ID: old.ID, Line: Line{SKU: old.SKU, Quantity: old.Quantity, UnitCents: cents}}
}

// orderV1 is the state as snapshots had it before the sum was kept in cents.
type orderV1 struct {
	Order
	Total float64 `json:"total"`
}

func init() {
	aggregate.Restore(Orders, 1, func(old orderV1) Order {
		old.Order.Cents = int64(math.Round(old.Total * 100))
		return old.Order
	})
}
