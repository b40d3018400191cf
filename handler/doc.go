// Package handler decides one command on one aggregate: it reads the request,
// checks what the binding asks for, validates, decides, and builds what is to be
// stored. It is pure: the runtime loads, stores, waits and replies.
//
// A [Binding] ties a service to a command of an aggregate. [Binding.Open] runs
// outside the actor's turn, [Binding.Decide] and [Binding.Build] within it.
package handler
