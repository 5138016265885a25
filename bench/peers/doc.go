// Package peers measures Sluice beside the proxies that are installed on the machine: what a request costs the processor, and how long
// it takes.
//
// Every proxy gets the same work: a weighted split of 95 to 5 over two backends, connections kept on both sides, X-Forwarded-For, -Host
// and -Proto set, no access log. Sluice also routes by host and prefix, reads an identity, applies two selection rules and meters. The proxy
// has a core of its own; load and backends share another. Rounds are interleaved, each beginning with another proxy, and what counts is
// the ratio within a round: machines are shared, and a figure alone says more about its minute than about the proxy.
//
// Everything is a child process on loopback, stopped by its id. Linux only: processor time is read from /proc. Start at Bench and its Run.
package peers
