package v1alpha1

import (
	"encoding/json"
	"fmt"
	"time"
)

// Duration is a length of time, written as numbers with units: 500ms, 5s, 10m,
// 1h30m. The units are ms, s, m and h.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')`,message="write a duration as numbers with units (ms, s, m, h), such as 500ms, 5s, 10m or 1h30m"
type Duration struct {
	time.Duration `json:"-"`
}

// MarshalJSON writes d as Go prints it, such as "10m0s".
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(d.String())
}

// UnmarshalJSON reads what Go's time.ParseDuration reads.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	d.Duration = parsed
	return nil
}
