package storetest
import "testing"
func (s *suite) model(t *testing.T) {}
