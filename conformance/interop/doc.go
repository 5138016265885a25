// Package interop runs the proxy between clients and servers that nobody here wrote: curl, varnishtest with scripts of our own (vtc/),
// slowhttptest, a WebSocket library, Go's net/http, h2spec, h2load and the interop client and server of grpc-go. A tool that is missing skips its test, and fails it under CI=true; `make needs`
// installs them.
package interop
