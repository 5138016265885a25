package interop

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// The cases of https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md that need neither Google's cloud, nor a server of
// C++, nor one server for all calls (pick_first_unary, orca_oob): weights divide them here.
var calls = []string{
	"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream", "timeout_on_sleeping_server",
	"cancel_after_begin", "cancel_after_first_response", "status_code_and_message", "special_status_message", "custom_metadata",
	"unimplemented_method", "unimplemented_service", "rpc_soak", "channel_soak", "orca_per_rpc",
}

func TestGRPCCallsArriveWholeOnBothVersions(t *testing.T) {
	t.Parallel()
	client, server := peer(t, "client"), peer(t, "server")
	var backends []string
	for _, name := range []string{"stable", "canary"} {
		address := testkit.FreeAddress(t)
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		testkit.Child(t, server, "-port", port)
		testkit.Until(t, testkit.Patience, "the server", func() (bool, any) {
			c, err := net.Dial("tcp", address)
			if err == nil {
				_ = c.Close()
			}
			return err == nil, err
		})
		backends = append(backends, fmt.Sprintf("%s: {endpoints: [\"h2c://%s\"]}", name, address))
	}
	e := newEdge(t, "  - {name: calls, weights: {stable: 50%, canary: 50%}, backends: {"+strings.Join(backends, ", ")+"}}\n")
	for listener, address := range map[string]string{"h2c": e.Web, "TLS": e.Secure} {
		for _, call := range calls {
			t.Run(listener+" "+call, func(t *testing.T) {
				t.Parallel()
				host, port, err := net.SplitHostPort(address)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
				defer cancel()
				cmd := exec.CommandContext(ctx, client, "-server_host", host, "-server_port", port, "-test_case", call)
				if call == "orca_per_rpc" { // its client looks at the load in the trailers where this policy balances
					cmd.Args = append(cmd.Args, "-service_config_json", `{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}`)
				}
				if listener == "TLS" {
					cmd.Args = append(cmd.Args, "-use_tls", "-use_test_ca", "-ca_file", e.Authority.File)
				}
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
	}
}
