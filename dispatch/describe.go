package dispatch

// Describe says what the service is, for lists and errors.
func (f *FuncService) Describe() string { return "service " + string(f.service.Name) }
