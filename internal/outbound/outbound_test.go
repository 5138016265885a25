package outbound

import "testing"

func TestLinkLocalAddressesAreRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	for address, linkLocal := range map[string]bool{
		"169.254.169.254:80": true, "[fe80::1]:80": true, "[fe80::1%lo]:80": true, "[::ffff:169.254.169.254]:80": true, "[ff02::1]:80": true,
		"224.0.0.1:80": true, "127.0.0.1:80": false, "[::1]:80": false, "10.0.0.1:80": false, "[2001:db8::1]:80": false,
	} {
		if err := Control(false)("tcp", address, nil); (err != nil) != linkLocal {
			t.Errorf("%s: %v, want it refused: %v", address, err, linkLocal)
		}
		if err := Control(true)("tcp", address, nil); err != nil {
			t.Errorf("%s, allowed: %v", address, err)
		}
	}
}
