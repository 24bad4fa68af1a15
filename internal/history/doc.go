// Package history says what happened at the logins of users: it puts what four sources know on one line of time, and
// says what that means. Sections without a page are of docs/facts/uzerp.md.
//
// Its laws: A source that could not be read never looks like one in which nothing happened. Two entries become one event
// only if they certainly are one. A time whose zone nobody knows is never shown as if it were known. What was typed as a
// user name is shown only if it is a user's name: people type passwords there. The package changes nothing, and what it
// concludes from a history are pure functions.
package history
