package v1alpha1

import "encoding/json"

// On says whether a handler's command creates its aggregate or finds it.
//
// +kubebuilder:validation:Enum=New;Existing;MaybeNew
type On string

// What a handler does with the stream of the id in a message.
const (
	// OnNew creates the aggregate; a stream that exists is a conflict.
	OnNew On = "New"
	// OnExisting loads the aggregate; a stream that does not exist is
	// not_found.
	OnExisting On = "Existing"
	// OnMaybeNew loads the aggregate, or creates it.
	OnMaybeNew On = "MaybeNew"
)

// Access says who may call a service.
//
// +kubebuilder:validation:Enum=Denied;Public;Authenticated;Rule
type Access string

// Who may call a service from outside. The aggregate's authorize in Go is
// asked as well, and both must allow.
const (
	// AccessDenied lets nobody in.
	AccessDenied Access = "Denied"
	// AccessPublic lets everybody in.
	AccessPublic Access = "Public"
	// AccessAuthenticated lets in who has proved who they are.
	AccessAuthenticated Access = "Authenticated"
	// AccessRule lets in whom HandlerSpec.AccessRule allows.
	AccessRule Access = "Rule"
)

// Visibility says from where a service can be called.
//
// +kubebuilder:validation:Enum=Public;Private
type Visibility string

// From where a service can be called.
const (
	// VisibilityPublic services are offered by the gateway.
	VisibilityPublic Visibility = "Public"
	// VisibilityPrivate services can only be called by shards of the same
	// AggregateService.
	VisibilityPrivate Visibility = "Private"
)

// HandlerSpec binds a service to a command of an aggregate or, without a
// stream, to a plain service that any member runs.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.on) && has(self.__true__))",message="on is written twice: remove one of them",fieldPath=".on"
// +kubebuilder:validation:XValidation:rule="!has(self.stream) || has(self.on) || has(self.__true__)",message="a handler with a stream needs it: write on: New (creates the aggregate), on: Existing (the aggregate has to exist) or on: MaybeNew",reason=FieldValueRequired,fieldPath=".on"
// +kubebuilder:validation:XValidation:rule="has(self.stream) || !(has(self.on) || has(self.__true__))",message="on goes with a stream: write stream: NAME as well, or remove on if this is a plain service",reason=FieldValueForbidden,fieldPath=".on"
// +kubebuilder:validation:XValidation:rule="!has(self.generateID) || !self.generateID || (has(self.on) && self.on != 'Existing') || (has(self.__true__) && self.__true__ != 'Existing')",message="only a handler that may create its aggregate can make the id up: write on: New or on: MaybeNew, or remove generateID",fieldPath=".generateID"
// +kubebuilder:validation:XValidation:rule="self.access != 'Rule' || has(self.accessRule)",message="access: Rule needs it: write the CEL expression that allows a call, or another access",reason=FieldValueRequired,fieldPath=".accessRule"
// +kubebuilder:validation:XValidation:rule="self.access == 'Rule' || !has(self.accessRule)",message="accessRule is only read with access: Rule: write access: Rule, or remove accessRule",reason=FieldValueForbidden,fieldPath=".accessRule"
type HandlerSpec struct {
	// service is the name that messages are dispatched to: open_account. It is
	// unique. Lower-case letters, digits, _ and ., starting with a letter.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_.]*$`
	Service string `json:"service"`

	// stream is the name of the stream, declared under spec.streams, whose
	// aggregate handles the message. Without it this is a plain service.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Stream string `json:"stream,omitempty"`

	// command is the name under which the aggregate registered the command in
	// Go, or the plain service was registered. Default: the service's name.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_.]*$`
	Command string `json:"command,omitempty"`

	// on says what to do with the stream of the message's id: New creates it,
	// Existing finds it, MaybeNew does either. Required with a stream,
	// forbidden without.
	//
	// +optional
	On On `json:"on,omitempty"`

	// "true" is on, as kubectl sends it: YAML 1.1 takes the key on without
	// quotes for the truth value. Write on.
	//
	// +optional
	OnInYAML11 On `json:"true,omitempty"`

	// id is the field of the request that holds the aggregate's id. Default:
	// id. It means nothing without a stream.
	//
	// +optional
	// +kubebuilder:default=id
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	ID string `json:"id,omitempty"`

	// generateID makes an id up when the request has none, and puts it into
	// the request. Only with on: New and on: MaybeNew. Default: false, a
	// request without an id is refused.
	//
	// +optional
	GenerateID bool `json:"generateID,omitempty"`

	// commitTimeout is how long the handler waits for its events to be stored,
	// above zero and at most 5m. After it the caller is told that the outcome
	// is unknown; the same message, sent again, tells. Default: 5s. It means
	// nothing without a stream.
	//
	// +optional
	// +kubebuilder:default="5s"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) > duration('0s') && duration(self) <= duration('5m'))`,message="write a duration above zero and at most 5m, such as 5s"
	CommitTimeout Duration `json:"commitTimeout,omitzero"`

	// timeout is how long a caller that names no deadline of its own waits for
	// the answer, above zero and at most 5m. Default: 5s.
	//
	// +optional
	// +kubebuilder:default="5s"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) > duration('0s') && duration(self) <= duration('5m'))`,message="write a duration above zero and at most 5m, such as 5s"
	Timeout Duration `json:"timeout,omitzero"`

	// access says who may call the service: Denied (the default) nobody,
	// Public everybody, Authenticated who has proved who they are, Rule whom
	// accessRule allows. What the aggregate's authorize refuses stays refused.
	//
	// +optional
	// +kubebuilder:default=Denied
	Access Access `json:"access,omitempty"`

	// accessRule is the CEL expression that allows a call. Required with
	// access: Rule, forbidden otherwise.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	AccessRule string `json:"accessRule,omitempty"`

	// visibility says from where the service can be called: Public (the
	// default) through the gateway, Private only by shards of this service.
	//
	// +optional
	// +kubebuilder:default=Public
	Visibility Visibility `json:"visibility,omitempty"`
}

// CommandName is the name that the command, or the plain service, has in Go.
func (h *HandlerSpec) CommandName() string {
	if h.Command != "" {
		return h.Command
	}
	return h.Service
}

// IsPlain reports whether h is a plain service, without an aggregate.
func (h *HandlerSpec) IsPlain() bool { return h.Stream == "" }

// UnmarshalJSON reads a handler. It moves a value under the key "true" to On,
// so that Go code never has to look at OnInYAML11.
func (h *HandlerSpec) UnmarshalJSON(data []byte) error {
	type plain HandlerSpec
	if err := json.Unmarshal(data, (*plain)(h)); err != nil {
		return err
	}
	if h.On == "" {
		h.On = h.OnInYAML11
	}
	h.OnInYAML11 = ""
	return nil
}
