package ring

// Number is a ring's version. It grows by one with each ring of a group; 0 says
// that there is none yet.
type Number int64
