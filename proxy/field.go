package proxy

// field is one header line: its parts, without the white space around the value, and the whole line with its CRLF. The lines of a head
// lie one behind the other.
type field struct {
	name, value, line []byte
	kind              kind
}

// kind is what a field's name means to the proxy. The scan finds it once; every later step compares a byte, not a name: with six steps
// that each looked at every name, a request was at 15 comparisons a field.
type kind uint8

const (
	otherField kind = iota
	hostField
	acceptField
	expectField
	cookieField
	requestIDField
	contentTypeField
	contentLengthField

	// About this connection only (RFC 9110 section 7.6.1). Transfer-Encoding is written anew.
	connectionField
	upgradeField
	transferEncodingField
	hopField // one of the others

	// Managed by the proxy; see managedField.
	forwardedForField
	forwardedHostField
	forwardedProtoField
	trustField // another that a trusted proxy may set
	aliasField // what a backend may take for one of those
	oursField
)

// hopByHop says whether a field goes no further than this connection.
func (k kind) hopByHop() bool { return connectionField <= k && k <= hopField }

// endToEnd names the fields that a Connection header can't take away: without them the message would mean something else.
func (k kind) endToEnd() bool { return k == hostField || k == contentLengthField }

// kindOf classifies a name.
func kindOf(name []byte) kind {
	switch folded[name[0]] {
	case 'f', 's', 'x': // most names leave here without a call
		switch managedField(name) {
		case ours:
			return oursField
		case byTrust:
			return forwardedKind(name)
		}
	}
	switch len(name) {
	case 2:
		return either(name, "te", hopField)
	case 4:
		return either(name, "host", hostField)
	case 6:
		switch name[0] | 0x20 {
		case 'a':
			return either(name, "accept", acceptField)
		case 'c':
			return either(name, "cookie", cookieField)
		case 'e':
			return either(name, "expect", expectField)
		}
	case 7:
		return either(name, "upgrade", upgradeField)
	case 10:
		if same(name, "keep-alive") {
			return hopField
		}
		return either(name, "connection", connectionField)
	case 12:
		if same(name, "content-type") {
			return contentTypeField
		}
		return either(name, "x-request-id", requestIDField)
	case 14:
		if same(name, "content-length") {
			return contentLengthField
		}
		return alias(name)
	case 16:
		return either(name, "proxy-connection", hopField)
	case 17:
		if same(name, "transfer-encoding") {
			return transferEncodingField
		}
		return alias(name)
	case 18:
		return either(name, "proxy-authenticate", hopField)
	case 19:
		return either(name, "proxy-authorization", hopField)
	}
	return otherField
}

// alias is oursField for a name that only looks like one that frames.
func alias(name []byte) kind {
	if managedField(name) == ours {
		return oursField
	}
	return otherField
}

// either is k when the name is the lower-case text, case aside.
func either(name []byte, lower string, k kind) kind {
	if same(name, lower) {
		return k
	}
	return otherField
}

func forwardedKind(name []byte) kind {
	switch {
	case aliased(name):
		return aliasField
	case same(name, "x-forwarded-for"):
		return forwardedForField
	case same(name, "x-forwarded-host"):
		return forwardedHostField
	case same(name, "x-forwarded-proto"):
		return forwardedProtoField
	}
	return trustField
}

// addField appends a line to the fields, in place: they are large.
func addField(fields []field, name, value, line []byte) []field {
	if len(fields) == cap(fields) {
		fields = append(fields, field{})
	} else {
		fields = fields[:len(fields)+1]
	}
	f := &fields[len(fields)-1]
	f.name, f.value, f.line, f.kind = name, value, line, kindOf(name)
	return fields
}

// kept gathers the lines of a head that go on: those that lie one behind the other are copied as one.
type kept struct{ dst, run []byte }

// keep takes the next line.
func (k *kept) keep(line []byte) {
	if k.run == nil {
		k.run = line
	} else {
		k.run = k.run[:len(k.run)+len(line)]
	}
}

// cut ends the run before a line that does not go on.
func (k *kept) cut() {
	k.dst = append(k.dst, k.run...)
	k.run = nil
}
