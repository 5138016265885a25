// Package live plays the benchmark's scenarios over real HTTP: a load with due times, the proxy's own binary, and two backends on loopback
// of which one is as bad as the scenario says.
//
// An attempt has a proxy, a state folder and backends of its own. Stable has some seconds of traffic first, then the attempt is started by
// the admin API, and the journal says when it was rolled back: both times are the proxy's. The proxy is asked from outside only, by the
// shapes of its API and file, so any build of it can be measured. Start at Bench and its Run.
package live
