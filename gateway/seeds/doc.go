// Package seeds finds the members of a group, and follows them, from the
// addresses of some: the [gateway.Cluster] of gateways that run apart from the
// members.
//
// It keeps streams of WatchRing to two members at a time, so that a change is
// heard from one while the other one is dying of it. Which two is left to chance,
// so that many gateways spread over many members. A stream that breaks is
// replaced by one to another member of the newest view; the seeds are asked when
// no member answers, and as long as none is known.
//
// An idle stream looks like that to a host that was cut off. So each is opened
// anew every few seconds, and who then does not answer at once, as WatchRing has
// to, is given up.
//
// What is heard is merged: the newest membership holds, and the newest ring. When
// all are silent, the last view holds: members that are not heard of are not dead.
package seeds
