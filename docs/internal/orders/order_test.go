package orders

import (
	"context"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/aggregate/aggregatetest"
	"github.com/ringhold/ringhold/message"
)

var (
	today     = time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC)
	adasOrder = placed(Placed{Customer: "Ada", Due: today.Add(deliveryTime)})
	tea       = lineAdded(LineAdded{ID: "l-1", Line: Line{SKU: "tea", Quantity: 2, UnitCents: 350}})
	warehouse = message.Caller{Name: "wes", Authenticated: true, Claims: map[string]any{"role": "warehouse"}}
)

func TestPlaceOrder(t *testing.T) {
	aggregatetest.Given(t, Orders).At(today).
		When("place_order", PlaceOrder{ID: "o-1", Customer: "Ada"}).
		Then(placed(Placed{Customer: "Ada", Due: today.Add(14 * 24 * time.Hour)})).
		Created().
		Version(0)
}

func TestAddLine(t *testing.T) {
	aggregatetest.Given(t, Orders, adasOrder).Assign("unit_cents", int64(350)).
		When("add_line", AddLine{OrderID: "o-1", SKU: "tea", Quantity: 2}).
		StateWhere(func(o Order) {
			if o.Cents != 700 || len(o.Lines) != 1 {
				t.Errorf("the order is %+v", o)
			}
		})
}

func TestAddLineReportsAllFaults(t *testing.T) {
	aggregatetest.Given(t, Orders, adasOrder, tea, shipped(Shipped{Parcel: "p-1"})).
		When("add_line", AddLine{OrderID: "o-1", Quantity: -1}).
		Then().
		Invalid("order_id: the order is on its way", "sku: is required", "quantity: must be from 1 to 1000")
}

func TestAnEmptyOrderIsNotShipped(t *testing.T) {
	aggregatetest.Given(t, Orders, adasOrder).Caller(warehouse).
		When("ship", Ship{OrderID: "o-1"}).
		Then(shipmentRefused(ShipmentRefused{Why: "empty"})).
		Error("empty_order")
}

func TestShippingTwiceStoresNothing(t *testing.T) {
	aggregatetest.Given(t, Orders, adasOrder, tea, shipped(Shipped{Parcel: "p-1"})).Caller(warehouse).
		When("ship", Ship{OrderID: "o-1"}).
		Then().
		OK()
}

func TestOnlyTheWarehouseShips(t *testing.T) {
	aggregatetest.Given(t, Orders, adasOrder, tea).
		When("ship", Ship{OrderID: "o-1"}).
		Then().
		Answer(message.Forbidden{Reason: "only the warehouse ships"})
}

func TestALineWithoutAPrice(t *testing.T) {
	aggregatetest.Given(t, Orders, adasOrder).
		When("add_line", AddLine{OrderID: "o-1", SKU: "tea", Quantity: 2}).
		Error("no_price")
}

func TestStoredEventsAreRead(t *testing.T) {
	aggregatetest.Samples(t, Orders, adasOrder, tea,
		shipped(Shipped{Parcel: "p-1"}), shipmentRefused(ShipmentRefused{Why: "empty"}))
	aggregatetest.Samples(t, Seats, booked(Booked{Guest: "Ada"}))
}

func TestSnapshotsOfTheFirstReleaseAreRead(t *testing.T) {
	stored := aggregate.Payload{Data: []byte(`{"customer":"Ada","lines":{},"total":7.25}`)}
	state, err := Orders.Core().DecodeState(1, stored)
	if err != nil {
		t.Fatal(err)
	}
	if o := state.(*Order); o.Cents != 725 || o.Customer != "Ada" {
		t.Errorf("it is read as %+v", o)
	}
}

func TestCart(t *testing.T) {
	aggregatetest.GivenState(t, Carts, Cart{Items: map[string]int64{"tea": 2, "milk": 1}}, 7).
		When("put", Put{ID: "c-1", SKU: "tea", Number: 0}).
		OK().
		Version(8).
		State(Cart{Items: map[string]int64{"milk": 1}})
}

func TestBookSeat(t *testing.T) {
	aggregatetest.Given(t, Seats).
		When("book_seat", BookSeat{ID: "s-1", Guest: "Ada"}).
		Then(booked(Booked{Guest: "Ada"})).
		Created()
}

type priceList map[string]int64

func (l priceList) Cents(_ context.Context, sku string) (int64, error) {
	cents, ok := l[sku]
	if !ok {
		return 0, ErrNoSuchArticle
	}
	return cents, nil
}

func TestFindPrice(t *testing.T) {
	prices = priceList{"tea": 350}
	m := message.New("add_line", message.Body{})
	if err := findPrice(t.Context(), m, AddLine{SKU: "tea"}); err != nil {
		t.Fatal(err)
	}
	if cents, ok := message.Assigned[int64](m, "unit_cents"); !ok || cents != 350 {
		t.Errorf("assigned is %d, %v", cents, ok)
	}
	refused := aggregate.ResponseOf(findPrice(t.Context(), m, AddLine{SKU: "coal"}))
	if got, ok := refused.(message.DomainError); !ok || got.Code != "no_such_article" {
		t.Errorf("an unknown article is answered with %+v", refused)
	}
}
