// Package e2e tests the proxy from outside: the real binary, real sockets, real backends, one behaviour a file.
//
// It knows the configuration file, the command line, the admin API and HTTP, and nothing of the packages behind them. What tests share is
// in internal/testkit; start at weights_test.go.
package e2e
