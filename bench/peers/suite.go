package peers

import "strconv"

// Suite is a kind of load.
type Suite struct {
	Name, About string

	path        string
	connections int
	rate        float64
	shared      bool // proxy, load and backends on all cores
}

// Suites are all there are.
func Suites() []Suite {
	return []Suite{
		{Name: "closed", About: "64 connections, 128 bytes: what a request costs", path: small, connections: 64},
		{Name: "big", About: "64 connections, 4 KiB", path: large, connections: 64},
		{Name: "many", About: "1024 connections, 128 bytes", path: small, connections: 1024},
		{Name: "paced", About: "2000 requests/s at random times: latency, and processor time at low load", path: small, connections: 64, rate: 2000},
		{Name: "shared", About: "like closed, every process on every core", path: small, connections: 64, shared: true},
	}
}

// A request looks like a browser's.
var headers = [...]string{
	"Host: shop.example.test",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Accept: application/json",
	"Accept-Language: en-US,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br",
	"Cookie: sid=8f14e45fceea167a5a36dedd4bea2543; theme=dark",
	"X-Request-Id: 0af7651916cd43dd8448eb211c80319c",
}

// command is the load as arguments of `sluice bench load`.
func (s *Suite) command(address, duration, warmUp string) []string {
	args := []string{
		"bench", "load", "http://" + address + s.path, "-o", "json", "--by", backendHeader, "--timeout", "5s",
		"--connections", strconv.Itoa(s.connections), "--duration", duration, "--warm-up", warmUp,
		"--rate", strconv.FormatFloat(s.rate, 'f', -1, 64),
	}
	for _, h := range headers {
		args = append(args, "--header", h)
	}
	return args
}
