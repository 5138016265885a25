package config

import _ "embed" // of the schema

// Schema is a JSON Schema (draft-07) of the file, for editors. It is made of the decoder's own tables: go test ./config -update.
//
//go:embed schema.json
var Schema []byte
