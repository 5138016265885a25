// Package testkit is what end-to-end tests are made of: origins, clients, and the real binary as a child process.
//
// It is for tests alone and knows no package of the proxy but the shapes of its admin API. Everything a test starts here ends with the
// test, by its process id, and leaves nothing behind. Start at Start (process.go) and NewOrigin (origin.go).
package testkit
