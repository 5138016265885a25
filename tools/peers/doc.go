// Package peers pins programs of others that the tests run against, built by `make needs` into .bin/peers: h2spec (HTTP/2 as its
// specification has it), grpc-go's interop client and server, and Pebble, Let's Encrypt's authority for tests of ACME. It is a module of its own: what they depend on is neither the product's
// business nor the linters'.
package peers
